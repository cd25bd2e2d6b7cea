#!/usr/bin/env node
// The `porchlight` command: TypeScript runs as it is from Node 24 on, so an older Node hands over to the packaged one.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("cli.ts", import.meta.url));
const node = Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : createRequire(import.meta.url).resolve("node/bin/node");
const child = spawn(node, [cli, ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));

import { watch } from "node:fs";
import { resolve } from "node:path";
import { PorchlightError } from "../../shared/errors.ts";
import { type PluginPackage, readPackage, writePackage } from "../../shared/plugin/package.ts";
import { buildPlugin } from "../plugins/build.ts";
import { type CaseResult, readCases, runCase } from "../plugins/cases.ts";
import { PluginSandbox } from "../plugins/sandbox.ts";
import { tryPorts } from "../plugins/try-ports.ts";
import { CommandError } from "./command-error.ts";
import { interruption } from "./signals.ts";
import { printable, say, styled } from "./terminal.ts";

/** An editor that saves writes several times. */
const SETTLED_MS = 120;

/** `porchlight plugin test [FOLDER]`: builds it and runs its cases in the sandbox. Returns 1 where one fails. */
export async function testPlugin([given = "."]: string[]): Promise<number> {
  const sandbox = new PluginSandbox({ processes: 1 });
  try {
    const results = await tryPlugin(resolve(given), sandbox);
    if (results.length === 0)
      throw new CommandError("bad_usage", `There are no cases in ${given}: write some into cases.json.`);
    return results.every(({ wrong }) => wrong === undefined) ? 0 : 1;
  } finally {
    await sandbox.stop();
  }
}

/** `porchlight plugin dev [FOLDER]`: the same, again after every change of the folder, until it is stopped. */
export async function devPlugin([given = "."]: string[]): Promise<number> {
  const folder = resolve(given);
  const sandbox = new PluginSandbox({ processes: 1 });
  const stopped = new AbortController();
  void interruption().then(() => stopped.abort());
  let running: Promise<unknown> = Promise.resolve();
  const again = (): void => {
    const before = running;
    running = (async () => {
      await before;
      if (!stopped.signal.aborted) await show(folder, sandbox);
    })();
  };
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(folder, { recursive: true, signal: stopped.signal }, () => {
    clearTimeout(timer);
    timer = setTimeout(again, SETTLED_MS);
  });
  again();
  await new Promise<void>((done) => watcher.once("close", () => done()));
  clearTimeout(timer);
  await running;
  await sandbox.stop();
  return 0;
}

async function show(folder: string, sandbox: PluginSandbox): Promise<void> {
  say(styled("dim", new Date().toLocaleTimeString()));
  await tryPlugin(folder, sandbox).catch((error: unknown) => {
    say(`${styled("red", "✗")} ${PorchlightError.from(error).message}`);
  });
  say(styled("dim", `Watching ${folder}. Ctrl-C ends it.`));
}

/** Builds, says which tools there are, runs the cases. Throws PorchlightError for what does not build. */
async function tryPlugin(folder: string, sandbox: PluginSandbox): Promise<CaseResult[]> {
  const plugin = await packed(folder);
  const { name, version } = plugin.manifest;
  const { tools, parts } = await sandbox.offers(plugin);
  const names = [
    ...tools.map((tool) => (tool.effect === "write" ? `${tool.name} (writes)` : tool.name)),
    ...parts.map(({ part }) => `(${part})`),
  ];
  say(`${styled("bold", `${name} ${version}`)}: ${names.join(", ")}`);
  const results: CaseResult[] = [];
  for (const one of await readCases(folder)) {
    const result = await runCase(sandbox, plugin, one, tryPorts);
    results.push(result);
    tell(result);
  }
  const failed = results.filter(({ wrong }) => wrong !== undefined).length;
  if (results.length > 0)
    say(failed === 0 ? `${results.length} passed` : styled("red", `${failed} of ${results.length} failed`));
  return results;
}

function tell({ case: { tool, part, input }, ms, wrong, logs }: CaseResult): void {
  const mark = wrong === undefined ? styled("green", "✓") : styled("red", "✗");
  say(`${mark} ${tool ?? part} ${printable(JSON.stringify(input))} ${styled("dim", `${Math.round(ms)} ms`)}`);
  for (const line of logs) say(styled("dim", `  log: ${printable(line)}`));
  if (wrong !== undefined) say(`  ${printable(wrong)}`);
}

async function packed(folder: string): Promise<PluginPackage> {
  const { manifest, files } = await buildPlugin(folder);
  return await readPackage(writePackage(manifest, files));
}

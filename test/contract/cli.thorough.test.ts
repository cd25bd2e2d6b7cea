import { execFile, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startHomeStack } from "../../node-agent/commands/home-stack.ts";
import { dataFolder } from "../../node-agent/data-folder.ts";
import { buildEdgeIfNeeded } from "../../node-agent/edge/build.ts";
import { exitOf, interrupt, output, run, start } from "../support/command.ts";
import { freePort } from "../support/stack.ts";

/** Those that this machine has: containers often lack the IPv6 one. */
const LOOPBACKS = ["127.0.0.1", "::1"].filter((address) =>
  Object.values(networkInterfaces()).some((interfaces) => interfaces?.some((one) => one.address === address)),
);

/** The `porchlight` command as its users run it: a process, its output, its exit code. */
describe("porchlight up", () => {
  let data: string;
  let port: number;

  beforeEach(async () => {
    await buildEdgeIfNeeded();
    data = await mkdtemp(join(tmpdir(), "porchlight-cli-"));
    port = await freePort();
  });
  afterEach(async () => {
    await rm(data, { recursive: true, force: true });
  });

  const up = (...more: string[]) => ["up", "--data", data, "--port", String(port), ...more];

  it("--ask answers on standard output, exits 0 and leaves no process", async () => {
    const first = await run(up("--ask", "Hello! Who are you?"));
    expect(first.stdout).toMatch(/starter model/i);
    expect(first.code).toBe(0);
    const owner = await readFile(join(data, "owner.json"), "utf8");
    const second = await run(up("--ask", "Hello! Who are you?"));
    expect(second).toMatchObject({ code: 0, stdout: first.stdout });
    expect(await readFile(join(data, "owner.json"), "utf8")).toBe(owner);
    expect(await processesOn(data)).toEqual([]);
  });

  it("prints page, key and a curl line that works; Ctrl-C ends all of it within 2 s", async () => {
    const child = start(up());
    const printed = await output(child, /Ctrl-C/);
    const pids = await descendants(child.pid);
    expect(pids.length).toBeGreaterThanOrEqual(4); // edge, workerd, agent, model
    const curl = /curl [\s\S]*?\n.*'\{.*\}'/.exec(printed)?.[0] ?? "";
    const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -s`]);
    expect(JSON.parse(stdout)).toMatchObject({ object: "chat.completion" });
    const signIn = /http:\/\/localhost:\d+\/enter\/\S+/.exec(printed)?.[0] ?? "";
    const page = await fetch(signIn, { redirect: "manual" });
    expect(page.status).toBe(303);
    expect(page.headers.get("set-cookie")).toMatch(/HttpOnly/);
    for (const file of ["owner.json", "agent/local.json", "agent/local-key"]) {
      expect(((await stat(join(data, file))).mode & 0o777).toString(8)).toBe("600");
    }

    const start0 = performance.now();
    interrupt(child);
    expect(await exitOf(child)).toBe(0);
    expect(performance.now() - start0).toBeLessThan(2_000);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it("uses the instance that runs already on the same folder; unattended, it writes no secret into its log", async () => {
    const child = start(up("--unattended"));
    const log = await output(child, /porchlight up\n/);
    const again = await run(up());
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toMatch(/running already[\s\S]+\/enter\/[\s\S]+plk_live_/);
    expect(log + (await run(up("--unattended"))).stderr).not.toMatch(/plk_live_|\/enter\//);
    const asked = await run(up("--ask", "Hello! Who are you?"));
    expect(asked.stdout).toMatch(/starter model/i);
    interrupt(child);
    expect(await exitOf(child)).toBe(0);
  });

  it("answers both of two questions asked at the same moment on one new folder, and gives up its claim", async () => {
    const other = await freePort();
    const [first, second] = await Promise.all([
      run(up("--ask", "Hello! Who are you?")),
      run(["up", "--data", data, "--port", String(other), "--ask", "Hello! Who are you?"]),
    ]);
    for (const { code, stdout } of [first, second]) {
      expect(stdout).toMatch(/starter model/i);
      expect(code).toBe(0);
    }
    await expect(stat(join(data, "claim.json"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("gives up a start that is interrupted, however long it would last, and leaves no process", async () => {
    const given = new AbortController();
    const folder = dataFolder(data);
    const starting = startHomeStack({ folder, port, localPort: await freePort(), signal: given.signal });
    given.abort(new Error("interrupted"));
    await expect(starting).rejects.toThrow("interrupted");
    expect(await processesOn(data)).toEqual([]);
  });

  it("dies with its children when it is killed", async () => {
    const child = start(up());
    await output(child, /Ctrl-C/);
    const pids = await descendants(child.pid);
    child.kill("SIGKILL");
    await exitOf(child);
    await expect.poll(() => pids.filter(isAlive), { timeout: 5_000 }).toEqual([]);
  });

  it.each(LOOPBACKS)("says in one sentence that the port is taken on %s", async (host) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, host, () => resolve()));
    const { code, stderr } = await run(up());
    server.close();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `porchlight: Port ${port} is taken by another program. Choose another: npm start -- --port ${port + 1}\n`,
    );
  });

  it("tells the owner which file is in the way", async () => {
    await mkdir(join(data, "agent", "local-key"), { recursive: true });
    const { code, stderr } = await run(up("--ask", "Hello"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^porchlight: EISDIR.*local-key'?\n$/);
  });

  it("says which models there are when the wanted one is not", async () => {
    const { code, stderr } = await run(up("--model", "no-such-model", "--ask", "Hello"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/no-such-model/);
    expect(stderr).toMatch(/starter/);
    expect(stderr).not.toMatch(/ at .*\.ts:/);
  });
});

async function descendants(pid: number | undefined): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,ppid="]);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]); // two numeric columns
  const below = (parent: number): number[] =>
    rows.filter(([, ppid]) => ppid === parent).flatMap(([child]) => [child, ...below(child)]);
  return pid === undefined ? [] : below(pid);
}

/** Zombies do not count: they run no more, only nobody has read their exit code. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)]);
  return stdout.toString().trim().startsWith("Z");
}

async function processesOn(folder: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "args="]);
  return stdout.split("\n").filter((line) => line.includes(folder));
}

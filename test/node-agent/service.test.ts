import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { duration } from "../../node-agent/commands/duration.ts";
import { launchdPlist } from "../../node-agent/service/launchd.ts";
import { serviceManager, serviceState, writeService } from "../../node-agent/service/service.ts";
import { serviceSpec } from "../../node-agent/service/spec.ts";
import { systemdUnit } from "../../node-agent/service/systemd.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "porchlight-service-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const has = (program: string) => {
  try {
    execFileSync("sh", ["-c", `command -v ${program}`]);
    return true;
  } catch {
    return false; // it is not on the path
  }
};

describe("the systemd unit", () => {
  it("runs this very command on this data folder, and comes back after a failure but not for ever", () => {
    const unit = systemdUnit(serviceSpec("connect", "/home/a/data", ""));
    expect(unit).toContain(`ExecStart="${process.execPath}" "`);
    expect(unit).toMatch(/node-agent\/cli\.ts" "connect" "--data" "\/home\/a\/data"\n/);
    expect(unit).toContain("Restart=on-failure\n");
    expect(unit).toContain("StartLimitBurst=5\n");
    expect(unit).toContain("WantedBy=default.target\n");
    // Told to stop, the command exits with 130: under a real systemd that was shown as a failure.
    expect(unit).toContain("SuccessExitStatus=130\n");
  });

  it("keeps a hostile folder name one word on one line", () => {
    const unit = systemdUnit({
      role: "agent",
      command: ["/n", 'a "b" $HOME %h \\\nExecStart=/bin/evil'],
      workingFolder: "/w%h",
      logFile: "",
    });
    expect(unit).toContain('ExecStart="/n" "a \\"b\\" $$HOME %%h \\\\\\nExecStart=/bin/evil"\n');
    expect(unit).toContain("WorkingDirectory=/w%%h\n");
    expect(unit.match(/^ExecStart=/gm)).toHaveLength(1);
  });

  it("of an edge is tried again for ever, beside the one of a machine", () => {
    const unit = systemdUnit(serviceSpec("edge", "/data", "", ["--origin", "https://home.example"]));
    expect(unit).toContain('"edge" "--data" "/data" "--origin" "https://home.example" "--unattended"\n');
    expect(unit).toContain("StartLimitIntervalSec=0\n");
    expect(unit).not.toContain("StartLimitBurst");
    expect(unit).toContain("SyslogIdentifier=porchlight-edge\n");
    expect(serviceManager("edge", "linux", "/home/a", {})?.file).toMatch(/user\/porchlight-edge\.service$/);
    expect(serviceManager("edge", "darwin", "/Users/a", {})?.file).toMatch(/dev\.porchlight\.edge\.plist$/);
  });

  it.skipIf(!has("systemd-analyze")).each(["connect", "edge"] as const)(
    "is one that systemd itself understands: %s",
    async (what) => {
      const file = join(folder, "porchlight.service");
      await writeFile(file, systemdUnit(serviceSpec(what, join(folder, "a b%c$d"), "")));
      const said = execFileSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8", stdio: "pipe" });
      expect(said).toBe("");
    },
  );
});

it("writes no secret into a log", () => {
  expect(serviceSpec("up", "/data", "").command.slice(-3)).toEqual(["--data", "/data", "--unattended"]);
});

describe("the launchd job", () => {
  it("runs at login, again when it fails, writes a log, and is well-formed whatever the folder is called", () => {
    const plist = launchdPlist(serviceSpec("up", "/Users/a/<&>", "/Users/a/Library/Logs/porchlight.log"));
    expect(plist).toContain("<string>/Users/a/&lt;&amp;&gt;</string>");
    expect(plist).toMatch(/<key>RunAtLoad<\/key>\n {2}<true\/>/);
    expect(plist).toMatch(/<key>SuccessfulExit<\/key>\n {4}<false\/>/);
    expect(plist.match(/porchlight\.log/g)).toHaveLength(2);
    expect(launchdPlist(serviceSpec("edge", "/d", "/l"))).toContain("<string>dev.porchlight.edge</string>");
    const open = plist.match(/<(?!\/|\?|!)[a-z]+(?=[ >])/g)?.length;
    expect(plist.match(/<\/[a-z]+>/g)?.length).toBe(open);
  });
});

describe("a system's service", () => {
  it("is a user's own: systemd's on Linux, launchd's on macOS, none elsewhere", () => {
    const linux = serviceManager("agent", "linux", "/home/a", {});
    expect(linux?.file).toBe("/home/a/.config/systemd/user/porchlight.service");
    expect(linux?.install.every(([program, flag]) => program === "systemctl" && flag === "--user")).toBe(true);
    expect(serviceManager("agent", "linux", "/home/a", { XDG_CONFIG_HOME: "/c" })?.file).toMatch(
      /^\/c\/systemd\/user\//,
    );
    expect(serviceManager("agent", "darwin", "/Users/a", {})?.file).toMatch(
      /^\/Users\/a\/Library\/LaunchAgents\/.*\.plist$/,
    );
    expect(serviceManager("agent", "win32", "C:", {})).toBeUndefined();
  });

  it("says that it is not there, and that it does not run", async () => {
    const manager = serviceManager("agent", "linux", folder, {});
    if (!manager) throw new Error("Linux has one");
    expect(await serviceState(manager)).toMatchObject({ installed: false, running: false });
    await writeService(manager, serviceSpec("up", folder, ""));
    expect(await readFile(manager.file, "utf8")).toContain('"up"');
    const stopped = { ...manager, status: ["false"] };
    expect(await serviceState(stopped)).toMatchObject({ installed: true, running: false });
    expect(await serviceState({ ...manager, status: ["true"] })).toMatchObject({ installed: true, running: true });
    expect(await serviceState({ ...manager, status: ["no-such-program-here"] })).toMatchObject({ running: false });
  });
});

it.each([
  [0, "less than a minute"],
  [61_000, "1 min"],
  [3_600_000, "1 h 0 min"],
  [26 * 3_600_000 + 59_000, "1 d 2 h"],
])("says %i ms as %s", (ms, words) => {
  expect(duration(ms)).toBe(words);
});

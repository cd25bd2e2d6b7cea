import { describe, expect, it, vi } from "vitest";
import { main } from "../../../node-agent/cli.ts";

/** Runs the command line in this process and returns what it printed. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true));
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true));
  try {
    return { code: await main(argv), out, err };
  } finally {
    stdout.mockRestore();
    stderr.mockRestore();
  }
}

describe("the command line", () => {
  it("prints its help without a command, and each command's own", async () => {
    const overview = await run();
    expect(overview.code).toBe(0);
    for (const command of ["up", "connect", "doctor"]) {
      expect(overview.out).toMatch(new RegExp(`^ {2}${command}\\s+\\w`, "m"));
      expect((await run(command, "--help")).out).toMatch(new RegExp(`^porchlight ${command}`));
    }
    expect(Math.max(...overview.out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it("prints its version", async () => {
    expect(await run("--version")).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it.each([
    [["dance"], /no command "dance"/],
    [["up", "--colour"], /--colour/],
    [["up", "--port", "eighty"], /--port takes a port/],
    [["up", "--port", "0"], /--port takes a port/],
    [["up", "--port", "65536"], /--port takes a port/],
    [["up", "extra"], /takes no "extra"/],
    [["up", "--ask", "  "], /--ask takes a value/],
    [["up", "--quantization", "int3"], /fp32, int8, int4/],
    [["connect", "--provider", "tpu"], /auto, cpu, cuda/],
    [["connect", "one", "two"], /takes one address/],
    [["doctor", "now"], /takes no "now"/],
  ])("refuses %j with exit code 2 and a sentence", async (argv, sentence) => {
    const { code, out, err } = await run(...argv);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(sentence);
    expect(err.trim().split("\n")).toHaveLength(1);
  });
});

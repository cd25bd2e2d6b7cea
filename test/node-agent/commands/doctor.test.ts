import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { type DoctorFlags, doctor } from "../../../node-agent/commands/doctor.ts";
import { acceleratorsSchema } from "../../../node-agent/hardware/accelerators.ts";
import { providerSchema } from "../../../node-agent/runtime/providers.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const reportSchema = z.object({
  healthy: z.boolean(),
  accelerators: acceleratorsSchema,
  provider: z.object({ provider: providerSchema, reason: z.string() }),
  findings: z.array(z.object({ topic: z.string(), state: z.string(), found: z.string(), fix: z.string().optional() })),
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** What doctor prints about a folder of its own. */
async function printed(flags: DoctorFlags): Promise<string> {
  await using folder = await temporaryFolder();
  let text = "";
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  expect(await doctor({ ...flags, data: folder.path })).toBe(0);
  return text;
}

describe("doctor on accelerators", () => {
  test("by default: the CPU, with the reason, and why not the others", async () => {
    const report = reportSchema.parse(JSON.parse(await printed({ json: true })));
    expect(report.provider.provider).toBe("cpu");
    const runtime = report.findings.find(({ topic }) => topic === "Runtime");
    expect(runtime?.found).toMatch(/^ONNX Runtime [\d.]+, provider cpu: no GPU/);
    expect(report.findings.some(({ topic }) => topic === "GPU")).toBe(true);
  });

  // None of these is for every system, so one of them is for another than this.
  test("a provider that cannot run here: the CPU will, and what to do", async () => {
    const provider = process.platform === "win32" ? "coreml" : "dml";
    const text = await printed({ json: false, provider });
    expect(text).toMatch(new RegExp(`provider ${provider}: asked for with --provider, but the CPU will be used: `));
    expect(text).toMatch(/onnxruntime-node has none for/);
    expect(text).toMatch(/→ Leave --provider away/);
    expect(text).toMatch(/Nothing keeps Porchlight from running here/);
  });
});

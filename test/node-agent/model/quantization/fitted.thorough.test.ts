import { afterAll, beforeAll, expect, test } from "vitest";
import { writeSelfTexts } from "../../../../node-agent/model/quantization/self-text.ts";
import { loadTextTools } from "../../../../node-agent/text/load.ts";
import { STARTER } from "../../../support/engine-starter.ts";
import { perplexity, readEvaluation } from "../../../support/model-starter.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";
import { loadUnder, quantizeInto } from "../../../support/quantize-starter.ts";

let parent: string;
let removal: AsyncDisposable;
beforeAll(async () => {
  const temporary = await temporaryFolder();
  [parent, removal] = [temporary.path, temporary];
});
afterAll(() => removal[Symbol.asyncDispose]());

test("fitted to what the starter writes by itself, 4 bits lose less than two thirds of what rounding loses", async () => {
  const texts = { texts: 16, length: 96, seed: 1 };
  const calibration = await (async () => {
    await using writer = await loadUnder(parent, STARTER, "fp32", 16);
    return await writeSelfTexts(writer, await loadTextTools(STARTER), texts);
  })();
  expect(calibration.map((tokens) => tokens.length)).toEqual(Array.from({ length: 16 }, () => 96));
  const rounded = await quantizeInto(parent, {});
  const fitted = await quantizeInto(parent, {}, { calibration });
  for (const { outputError } of fitted.errors.filter(({ format }) => format.startsWith("int4"))) {
    expect(outputError?.calibrated).toBeLessThan(0.7 * (outputError?.rounded ?? 0));
  }
  const documents = (await readEvaluation()).documents.filter((_, i) => i % 6 === 0);
  const measure = async (folder: string, quantization: "fp32" | "int4") => {
    await using decoder = await loadUnder(parent, folder, quantization);
    return (await perplexity(decoder, documents)).all;
  };
  const exact = await measure(STARTER, "fp32");
  const loss = (await measure(rounded.folder, "int4")) / exact - 1;
  expect(loss).toBeGreaterThan(0.003);
  expect((await measure(fitted.folder, "int4")) / exact - 1).toBeLessThan((2 / 3) * loss);
}, 120_000);

import { describe, expect, it } from "vitest";
import { fromBase64, toBase64 } from "../../../shared/base64.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { EMBED_LIMITS, embedRequestSchema, type EmbedResult } from "../../../shared/inference/embed.ts";
import {
  collectEmbedLines,
  type EmbedLine,
  embedLineSchema,
  embedLines,
} from "../../../shared/inference/embed-lines.ts";

const vector = (length: number, first: number) => Float32Array.from({ length }, (_, i) => Math.sin(first + i));

async function* streamed(lines: Iterable<EmbedLine>): AsyncGenerator<EmbedLine> {
  for (const line of lines) yield embedLineSchema.parse(JSON.parse(JSON.stringify(line)));
}

describe("an answer as lines", () => {
  it.each([
    [1, 3],
    [5, 384],
    [200, 1024],
    [3, 20_000],
  ])("%i vectors of %i come back as they were", async (count, dimensions) => {
    const result: EmbedResult = {
      vectors: Array.from({ length: count }, (_, i) => vector(dimensions, i)),
      promptTokens: 7,
    };
    const lines = [...embedLines(result)];
    expect(Math.max(...lines.map((line) => JSON.stringify(line).length))).toBeLessThan(128 * 1024);
    expect(await collectEmbedLines(streamed(lines), count)).toEqual(result);
  });

  it("that are not for this request, not whole or too many are refused", async () => {
    const unreadable = { code: "answer_unreadable" };
    const lines = [...embedLines({ vectors: [vector(4, 0), vector(4, 1)], promptTokens: 2 })];
    await expect(collectEmbedLines(streamed(lines), 3)).rejects.toMatchObject(unreadable);
    await expect(collectEmbedLines(streamed(lines.slice(0, -1)), 2)).rejects.toMatchObject(unreadable);
    await expect(collectEmbedLines(streamed(lines.slice(1)), 2)).rejects.toMatchObject(unreadable);
    const piece: EmbedLine = { type: "vectors", values: toBase64(new Uint8Array(128 * 1024)) };
    const endless = Array.from({ length: EMBED_LIMITS.resultFloats / (32 * 1024) + 1 }, () => piece);
    await expect(collectEmbedLines(streamed(endless), 2)).rejects.toMatchObject(unreadable);
    for (const values of ["AAA", "AAAA", "****"]) {
      await expect(collectEmbedLines(streamed([{ type: "vectors", values }]), 1)).rejects.toThrow();
    }
  });

  it("end with the error that one of them is", async () => {
    const error = new PorchlightError("overloaded").toWire();
    await expect(collectEmbedLines(streamed([{ type: "error", error }]), 1)).rejects.toMatchObject({
      code: "overloaded",
    });
  });
});

describe("a request", () => {
  it.each([
    ["no input", { inputs: [] }],
    ["too many", { inputs: Array.from({ length: 2049 }, () => "a") }],
    ["no tokens", { inputs: [[]] }],
    ["too many tokens", { inputs: [Array.from({ length: 131_073 }, () => 1)] }],
    ["a fraction of a token", { inputs: [[1.5]] }],
    ["a negative token", { inputs: [[-1]] }],
    ["no dimensions", { inputs: ["a"], dimensions: 0 }],
    ["another purpose", { inputs: ["a"], purpose: "both" }],
  ])("with %s is refused", (_, fields) => {
    expect(embedRequestSchema.safeParse({ model: "m", ...fields }).success).toBe(false);
  });
});

describe("base64", () => {
  it("keeps every byte, at every length", () => {
    for (const length of [0, 1, 2, 3, 255, 8191, 8192, 8193, 70_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }
  });
});

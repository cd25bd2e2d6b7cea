import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashFile } from "../../../../node-agent/model/store/file-hash.ts";
import { noise } from "../../../support/hub-server.ts";
import { temporaryFolder } from "../../../support/model-temp.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("hashFile", () => {
  it("gives the whole file's hashes and those of tensors anywhere in it, as if each were read alone", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file");
    // Several times what is read at once.
    const content = noise(1, 2_500_000);
    await writeFile(path, content);
    const git = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
    const cuts = fc.array(fc.nat(content.length), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.boolean(), async (found, withGaps) => {
        const borders = [0, ...found.toSorted((a, b) => a - b), content.length];
        const all = borders.slice(1).map((end, index) => ({ offset: borders[index] ?? 0, end }));
        const spans = all
          .filter((_, index) => !withGaps || index % 2 === 1)
          .map(({ offset, end }, index) => ({ name: `t${index}`, offset, bytes: end - offset }));
        const hashes = await hashFile(path, content.length, { spans, git: true });
        expect(hashes.sha256).toBe(sha256(content));
        expect(hashes.gitId).toBe(git);
        expect(hashes.tensors).toEqual(
          spans.map((span) => ({ ...span, sha256: sha256(content.subarray(span.offset, span.offset + span.bytes)) })),
        );
      }),
      { numRuns: 15 },
    );
  });

  it("has no hash of a tensor that the file is too short for", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file");
    await writeFile(path, "12345");
    const spans = [
      { name: "whole", offset: 0, bytes: 5 },
      { name: "beyond", offset: 5, bytes: 1 },
    ];
    expect((await hashFile(path, 5, { spans })).tensors.map(({ name }) => name)).toEqual(["whole"]);
  });
});

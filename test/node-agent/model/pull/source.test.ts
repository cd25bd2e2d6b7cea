import { describe, expect, it } from "vitest";
import { describeSource, parseSource } from "../../../../node-agent/model/pull/source.ts";

const ENDPOINT = "https://hub.example/mirror";
const hub = (more: object = {}) => ({ kind: "hub", repo: "acme/tiny-1.5", revision: "main", ...more });

describe("parseSource", () => {
  it.each([
    ["hf:acme/tiny-1.5", hub()],
    ["acme/tiny-1.5", hub()],
    ["acme/tiny-1.5:Q4_0", hub({ wanted: "Q4_0" })],
    ["acme/tiny-1.5@refs/pr/1", hub({ revision: "refs/pr/1" })],
    ["hf:acme/tiny-1.5:sub/a.gguf@v2", hub({ wanted: "sub/a.gguf", revision: "v2" })],
    ["hf:acme/tiny-1.5@v2:Q8_0", hub({ wanted: "Q8_0", revision: "v2" })],
    [`${ENDPOINT}/acme/tiny-1.5`, hub()],
    [`${ENDPOINT}/acme/tiny-1.5/tree/v2`, hub({ revision: "v2" })],
    [`${ENDPOINT}/acme/tiny-1.5/resolve/main/sub/a.gguf?download=true`, hub({ wanted: "sub/a.gguf" })],
    ["https://files.example/a.gguf", { kind: "url", url: "https://files.example/a.gguf" }],
    ["./model", { kind: "path", path: "./model" }],
    ["../model.gguf", { kind: "path", path: "../model.gguf" }],
    ["~/model", { kind: "path", path: "~/model" }],
    ["/srv/model", { kind: "path", path: "/srv/model" }],
  ])("understands %s", (text, source) => {
    expect(parseSource(text, ENDPOINT)).toEqual(source);
  });

  it.each(["", "tiny", "a/b/c", "acme/..", "hf:", "acme/tiny:", "acme/tiny:a:b", "https://", "a b/c"])(
    "refuses %j",
    (text) => {
      expect(() => parseSource(text, ENDPOINT)).toThrow(expect.objectContaining({ code: "invalid_request" }));
    },
  );

  it("writes a source down so that it is read the same again", () => {
    for (const text of ["hf:acme/tiny-1.5", "hf:acme/tiny-1.5:Q4_0", "https://files.example/a.gguf", "/srv/model"]) {
      expect(describeSource(parseSource(text, ENDPOINT))).toBe(text);
    }
  });
});

import { describe, expect, it } from "vitest";
import { curlOf, exampleOf } from "../../../edge/pages/docs/example.ts";
import { documentSchema, operationsOf, type Schema } from "../../../edge/pages/docs/openapi.ts";
import { visit } from "./site.ts";

const document = documentSchema.parse({
  openapi: "3.1.0",
  info: { title: "Test", version: "1" },
  security: [{ key: [] }],
  paths: {
    "/things/{id}": {
      get: { responses: { 200: { description: "It" } } },
      post: {
        security: [],
        requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } } },
        responses: { 204: { description: "Done" } },
      },
    },
  },
  components: {
    schemas: {
      Thing: {
        type: "object",
        required: ["name", "inner"],
        properties: {
          name: { type: "string", example: "it's" },
          inner: { $ref: "#/components/schemas/Thing" },
          extra: { type: "number" },
        },
      },
    },
  },
});

describe("DocsPage", () => {
  it("shows every route and schema of the real API, and samples for this very address", async () => {
    const { response, html } = await visit("/docs");
    expect(response.status).toBe(200);
    for (const text of ["/v1/models", "/v1/chat/completions", "ChatCompletionRequest", "body_too_large"]) {
      expect(html).toContain(text);
    }
    expect(html).toContain("curl https://edge.test/v1/chat/completions");
    expect(html).toContain("https://edge.test/v1&quot;");
  });

  it("leads every link on the page to something that is on it", async () => {
    const { html } = await visit("/docs");
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const targets = [...html.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(10);
    for (const target of targets) expect(ids).toContain(target);
  });
});

describe("exampleOf", () => {
  it.each<[string, Schema, unknown]>([
    ["its own example", { type: "string", example: "x" }, "x"],
    ["the first of its examples", { type: "string", examples: ["y", "z"] }, "y"],
    ["a constant", { const: 3 }, 3],
    ["the default", { type: "boolean", default: true }, true],
    ["the first enum value", { enum: ["a", "b"] }, "a"],
    ["the first alternative", { anyOf: [{ type: "integer", minimum: 2 }, { type: "string" }] }, 2],
    ["an array of one", { type: "array", items: { type: "boolean" } }, [false]],
    [
      "all parts together",
      { allOf: [{ properties: { a: { const: 1 } } }, { properties: { b: { const: 2 } } }] },
      { a: 1, b: 2 },
    ],
    ["what is required only", { type: "object", required: ["a"], properties: { a: { const: 1 }, b: {} } }, { a: 1 }],
    ["nothing for an unknown reference", { $ref: "#/components/schemas/Missing" }, null],
  ])("takes %s", (_, schema, expected) => {
    expect(exampleOf(schema, document)).toEqual(expected);
  });

  it("ends in a schema that holds itself", () => {
    expect(JSON.stringify(exampleOf({ $ref: "#/components/schemas/Thing" }, document))).toMatch(
      /^\{"name":"it's".*null\}+$/,
    );
  });
});

describe("curlOf", () => {
  it("writes a call that a shell takes as it is", () => {
    const [get, post] = operationsOf(document);
    if (get === undefined || post === undefined) throw new Error("The document has two routes.");
    expect(curlOf(get, document, "https://edge.test")).toBe(
      'curl https://edge.test/things/{id} \\\n  -H "Authorization: Bearer $PORCHLIGHT_API_KEY"',
    );
    const call = curlOf(post, document, "https://edge.test");
    expect(call).not.toContain("Authorization");
    expect(call).toContain(`"name": "it'\\''s"`);
  });
});

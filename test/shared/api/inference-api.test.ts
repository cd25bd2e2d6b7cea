import { describe, expect, it } from "vitest";
import { Hono } from "hono";
import { openApiDocument } from "../../../shared/api/document.ts";
import { apiKeyOf } from "../../../shared/api/headers.ts";
import { createInferenceApi } from "../../../shared/api/inference-api.ts";
import { isDeeperThan } from "../../../shared/api/json-depth.ts";
import { API_LIMITS } from "../../../shared/api/limits.ts";
import { PorchlightError } from "../../../shared/errors.ts";
import { apiOver, ask, FINISH, MODEL, yielding } from "./support.ts";
import { noEmbeddings } from "../../support/no-embeddings.ts";

const api = apiOver(yielding(...FINISH), [MODEL, { ...MODEL, name: "org/big model", online: false, loaded: false }]);

describe("GET /v1/models", () => {
  const starter = {
    id: "starter",
    object: "model",
    created: 1_790_000_000,
    owned_by: "porchlight",
    online: true,
    loaded: true,
    context_length: 512,
    task: "generate",
    architecture: "llama",
    quantization: "int4",
    parameters: 1_000_000,
  };

  it("lists them in OpenAI's shape", async () => {
    const response = await api.request("/v1/models");
    expect(await response.json()).toEqual({
      object: "list",
      data: [starter, { ...starter, id: "org/big model", online: false, loaded: false }],
    });
  });

  it.each(["starter", "org/big%20model", "org%2Fbig%20model"])("finds %s", async (name) => {
    const response = await api.request(`/v1/models/${name}`);
    expect(await response.json()).toMatchObject({ id: decodeURIComponent(name), object: "model" });
  });

  it("knows no other", async () => {
    const response = await api.request("/v1/models/gpt-9");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "model_not_found", param: "model" } });
  });
});

describe("any request", () => {
  it("has an id: its own if it is sane", async () => {
    const idOf = async (id?: string) => {
      const response = await api.request("/v1/models", id === undefined ? {} : { headers: { "x-request-id": id } });
      return response.headers.get("x-request-id");
    };
    expect(await idOf("mine-1")).toBe("mine-1");
    expect(await idOf()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("x".repeat(129))).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idOf("a b")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("to an unknown address or by another method gets JSON", async () => {
    expect((await api.request("/v1/nothing")).status).toBe(404);
    const wrong = await api.request("/v1/chat/completions");
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("POST");
    expect(await wrong.json()).toMatchObject({ error: { code: "method_not_allowed" } });
    expect((await api.request("/v1/models", { method: "HEAD" })).status).toBe(200);
  });

  it("is refused by `authorize` before anything else is looked at", async () => {
    const closed = createInferenceApi({
      backend: () => {
        throw new Error("reached the backend");
      },
      authorize: async (c, next) => {
        if (apiKeyOf(c) !== "right") throw new PorchlightError("invalid_api_key");
        await next();
      },
    });
    for (const authorization of ["", "right", "Bearer wrong", "Basic right", "Bearer right x"]) {
      const response = await closed.request("/v1/models", { headers: { authorization } });
      expect({ authorization, status: response.status }).toEqual({ authorization, status: 401 });
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="porchlight"');
    }
    const chat = await closed.request("/v1/chat/completions", { method: "POST", body: "not even JSON" });
    expect(chat.status).toBe(401);
  });

  it("keeps its shape of error under an app with another", async () => {
    const outer = new Hono().onError((_error, c) => c.text("the outer one", 418)).route("/", api);
    const response = await outer.request("/v1/models/gpt-9");
    expect(await response.json()).toMatchObject({ error: { code: "model_not_found" } });
  });

  it("that breaks something learns nothing of it", async () => {
    const broken = apiOver(yielding(), []);
    const failing = createInferenceApi({
      backend: () => ({
        listModels: () => Promise.reject(new Error("secret path")),
        generate: yielding(),
        embed: noEmbeddings,
      }),
    });
    const response = await failing.request("/v1/models");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(await (await broken.request("/v1/models")).json()).toEqual({ object: "list", data: [] });
  });
});

describe("a body", () => {
  const send = (body: string | Uint8Array<ArrayBuffer> | ReadableStream, type: string | null = "application/json") =>
    api.request("/v1/chat/completions", {
      method: "POST",
      body,
      headers: type === null ? {} : { "content-type": type },
      ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
    });

  it("may be UTF-8 with or without saying so, with or without a mark", async () => {
    const body = JSON.stringify({ model: "starter", messages: [{ role: "user", content: "é" }] });
    expect((await send(body)).status).toBe(200);
    expect((await send(body, "application/json; charset=utf-8")).status).toBe(200);
    expect((await send(body, 'Application/JSON;charset="UTF-8"')).status).toBe(200);
    expect((await send(`\ufeff${body}`)).status).toBe(200);
    expect((await send(new TextEncoder().encode(body), null)).status).toBe(415);
  });

  it("is counted, not believed", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 64 * 1024;
        controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
      },
    });
    const response = await send(endless);
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(API_LIMITS.drainedBytes + 1024 * 1024);
  });

  it("is as deep as it looks, whatever its strings hold", () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    expect(isDeeperThan(bytes("[[]]"), 2)).toBe(false);
    expect(isDeeperThan(bytes("[[[]]]"), 2)).toBe(true);
    expect(isDeeperThan(bytes('{"a":{"b":[1]},"c":{"d":[2]}}'), 3)).toBe(false);
    expect(isDeeperThan(bytes(String.raw`["[[[[\"[[[[","\\"]`), 1)).toBe(false);
    expect(isDeeperThan(bytes(String.raw`["\\\"[[",[["\\"]]]`), 2)).toBe(true);
    expect(isDeeperThan(bytes('["[[[['), 1)).toBe(false);
    expect(isDeeperThan(bytes("[".repeat(4_000_000)), 64)).toBe(true);
  });
});

describe("the document", () => {
  const document = openApiDocument(api, { version: "1.2.3", description: "Test." });

  it("is OpenAPI 3.1 of every route, with a way in and examples", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths ?? {})).toEqual([
      "/v1/models",
      "/v1/models/{model}",
      "/v1/chat/completions",
      "/v1/completions",
      "/v1/embeddings",
      "/v1/responses",
      "/v1/messages",
      "/v1/messages/count_tokens",
      "/api/chat",
      "/api/generate",
      "/api/embed",
      "/api/embeddings",
      "/api/tags",
      "/api/ps",
      "/api/version",
      "/api/show",
      "/api/pull",
    ]);
    expect(document.components?.securitySchemes).toMatchObject({ apiKey: { type: "http", scheme: "bearer" } });
    const schemas = document.components?.schemas ?? {};
    expect(Object.keys(schemas)).toEqual(
      expect.arrayContaining(["ChatCompletionRequest", "ChatCompletion", "ChatCompletionChunk", "Model", "Error"]),
    );
    expect(schemas.ChatCompletionRequest).toMatchObject({
      required: ["model", "messages"],
      additionalProperties: false,
    });
  });

  it("has examples that its own routes accept", async () => {
    const schemas = document.components?.schemas ?? {};
    const request = schemas.ChatCompletionRequest;
    if (!request || !("example" in request)) throw new Error("no example");
    const response = await ask(api, request.example as Record<string, unknown>); // an object, as the check above says
    expect(response.status).toBe(200);
  });

  it("points at nothing that is not there", () => {
    const text = JSON.stringify(document);
    const names = [...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1] ?? "");
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(document.components?.schemas).toHaveProperty(name);
  });
});

describe("background", () => {
  it("is refused by name where requests cannot wait", async () => {
    const response = await ask(api, { background: true });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "unsupported_parameter", param: "background" } });
  });
});

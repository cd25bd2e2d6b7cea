import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Env } from "hono";
import { PorchlightError } from "../../../errors.ts";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../document.ts";
import { readJsonBody } from "../../json-body.ts";
import { parseWith } from "../../validation.ts";
import { listSchema, pageOf, pageQuerySchema } from "../kept/page.ts";
import type { KeptRecords } from "../kept/records.ts";
import { inputItemSchema } from "../responses/input-schema.ts";
import { newId } from "../responses/response.ts";
import {
  appendItems,
  type Conversation,
  findConversation,
  itemsIn,
  keepConversation,
  named,
  recordId,
} from "./items.ts";
import {
  changedConversationSchema,
  conversationSchema,
  deletedSchema,
  newConversationSchema,
  newItemsSchema,
} from "./schema.ts";

const params = z.object({ id: z.string().max(128) });
const itemParams = params.extend({ item: z.string().max(128) });

/** One route of this API, for the document. */
function describe(
  method: "get" | "post" | "delete",
  under: string,
  of: { operationId: string; summary: string; answer: z.ZodType; request?: object; description?: string },
) {
  const { answer, ...rest } = of;
  return {
    method,
    path: `/v1/conversations${under}`,
    tags: ["Responses"],
    ...rest,
    responses: {
      200: { description: of.summary, content: jsonContent(answer) },
      ...errorResponses("invalid_request", "invalid_api_key", "not_found", "records_full"),
    },
  };
}

/** `/v1/conversations`: conversations that responses are added to. They live as long as what was said last in them is kept. */
export function mountConversations<E extends Env>(app: OpenAPIHono<E>, records: (c: Context<E>) => KeptRecords): void {
  registerRoute(
    app,
    describe("post", "", {
      operationId: "createConversation",
      summary: "Begin a conversation",
      description: "`POST /v1/responses` with `conversation` goes on with it, and adds question and answer.",
      request: { body: jsonBody(newConversationSchema, false) },
      answer: conversationSchema,
    }),
  );
  app.post("/v1/conversations", async (c) => {
    const { items, metadata } = await readJsonBody(c.req.raw, newConversationSchema, { optional: true });
    const conversation: Conversation = {
      id: newId("conv"),
      object: "conversation",
      created_at: Math.floor(Date.now() / 1000),
      metadata: metadata ?? {},
    };
    await keepConversation(records(c), conversation);
    if (items) await appendItems(records(c), conversation.id, named(items));
    return c.json(conversation, 200);
  });

  const retrieved = { summary: "Look at a conversation", request: { params }, answer: conversationSchema };
  registerRoute(app, describe("get", "/{id}", { operationId: "retrieveConversation", ...retrieved }));
  app.get("/v1/conversations/:id", async (c) => c.json(await findConversation(records(c), c.req.param("id")), 200));

  registerRoute(
    app,
    describe("post", "/{id}", {
      operationId: "updateConversation",
      summary: "Change a conversation's metadata",
      request: { params, body: jsonBody(changedConversationSchema) },
      answer: conversationSchema,
    }),
  );
  app.post("/v1/conversations/:id", async (c) => {
    const { metadata } = await readJsonBody(c.req.raw, changedConversationSchema);
    const conversation = { ...(await findConversation(records(c), c.req.param("id"))), metadata: metadata ?? {} };
    await keepConversation(records(c), conversation);
    return c.json(conversation, 200);
  });

  registerRoute(
    app,
    describe("delete", "/{id}", {
      operationId: "deleteConversation",
      summary: "Forget a conversation and all its items",
      request: { params },
      answer: deletedSchema,
    }),
  );
  app.delete("/v1/conversations/:id", async (c) => {
    const { id } = await findConversation(records(c), c.req.param("id"));
    await records(c).delete(id);
    return c.json({ id, object: "conversation.deleted" as const, deleted: true as const }, 200);
  });
  mountItems(app, records);
}

function mountItems<E extends Env>(app: OpenAPIHono<E>, records: (c: Context<E>) => KeptRecords): void {
  registerRoute(
    app,
    describe("get", "/{id}/items", {
      operationId: "listConversationItems",
      summary: "What was said in a conversation",
      request: { params, query: pageQuerySchema },
      answer: listSchema(inputItemSchema),
    }),
  );
  app.get("/v1/conversations/:id/items", async (c) => {
    const query = parseWith(pageQuerySchema, c.req.query());
    const { id } = await findConversation(records(c), c.req.param("id"));
    return c.json(pageOf(await itemsIn(records(c), id), query), 200);
  });

  registerRoute(
    app,
    describe("post", "/{id}/items", {
      operationId: "createConversationItems",
      summary: "Add items to a conversation",
      request: { params, body: jsonBody(newItemsSchema) },
      answer: listSchema(inputItemSchema),
    }),
  );
  app.post("/v1/conversations/:id/items", async (c) => {
    const { items } = await readJsonBody(c.req.raw, newItemsSchema);
    const { id } = await findConversation(records(c), c.req.param("id"));
    const added = named(items);
    await appendItems(records(c), id, added);
    return c.json(pageOf(added, { limit: added.length, order: "asc" }), 200);
  });

  registerRoute(
    app,
    describe("get", "/{id}/items/{item}", {
      operationId: "retrieveConversationItem",
      summary: "One item of a conversation",
      request: { params: itemParams },
      answer: inputItemSchema,
    }),
  );
  app.get("/v1/conversations/:id/items/:item", async (c) => {
    const text = await records(c).get(recordId(c.req.param("id"), c.req.param("item")));
    if (text === undefined) throw noSuchItem();
    return c.body(text, 200, { "content-type": "application/json" });
  });

  registerRoute(
    app,
    describe("delete", "/{id}/items/{item}", {
      operationId: "deleteConversationItem",
      summary: "Take an item out of a conversation",
      request: { params: itemParams },
      answer: conversationSchema,
    }),
  );
  app.delete("/v1/conversations/:id/items/:item", async (c) => {
    const conversation = await findConversation(records(c), c.req.param("id"));
    if (!(await records(c).delete(recordId(conversation.id, c.req.param("item"))))) throw noSuchItem();
    return c.json(conversation, 200);
  });
}

function noSuchItem(): PorchlightError {
  return new PorchlightError("not_found", "There is no such item in this conversation.");
}

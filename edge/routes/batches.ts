import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { errorResponses, jsonBody, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readJsonBody } from "../../shared/api/json-body.ts";
import { listSchema, pageOf, pageQuerySchema } from "../../shared/api/openai/kept/page.ts";
import { parseWith, supported } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { callerOf } from "../home/account-backend.ts";
import { batchStatusSchema, type BatchStatus, type BatchView } from "../home/batches/batch.ts";
import { endpointSchema } from "../home/batches/line.ts";
import { batchesOf } from "../home/batches/remote-desk.ts";
import { takeMade } from "../home/made.ts";
import { accountOf } from "../middleware/authenticate.ts";

const params = z.object({ id: z.string().max(128) });
const newBatchSchema = z
  .strictObject({
    input_file_id: z.string().max(128),
    endpoint: supported(
      z.union([endpointSchema, z.string().max(128)]),
      (endpoint) => endpointSchema.safeParse(endpoint).success,
      `only ${endpointSchema.options.join(", ")} are supported`,
    ),
    completion_window: z.literal("24h"),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  })
  .openapi("NewBatch");

const moment = z.number().int().nullable();
const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal("batch"),
    endpoint: z.string(),
    errors: z.object({ object: z.literal("list"), data: z.array(z.looseObject({ message: z.string() })) }).nullable(),
    input_file_id: z.string(),
    completion_window: z.literal("24h"),
    status: batchStatusSchema,
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.number().int(),
    expires_at: z.number().int(),
    in_progress_at: moment,
    finalizing_at: moment,
    completed_at: moment,
    failed_at: moment,
    expired_at: moment,
    cancelling_at: moment,
    cancelled_at: moment,
    request_counts: z.object({ total: z.number().int(), completed: z.number().int(), failed: z.number().int() }),
    metadata: z.record(z.string(), z.string()).nullable(),
  })
  .openapi("Batch");

const described = { tags: ["Batches"] };
const missing = errorResponses("invalid_api_key", "not_found");
const shown = { description: "The batch as it stands.", content: jsonContent(batchSchema) };

const createBatchRoute = createRoute({
  ...described,
  method: "post",
  path: "/v1/batches",
  operationId: "createBatch",
  summary: "Ask many things at once, and read the answers later",
  description:
    "Lines go through the queue of jobs, behind whatever else waits there, for at most a day. What was answered is in the output " +
    "file, the rest in the error file, in the order of the input.",
  request: { body: jsonBody(newBatchSchema) },
  responses: { 200: shown, ...errorResponses("invalid_request", "invalid_api_key", "records_full") },
});
const listBatchesRoute = createRoute({
  ...described,
  method: "get",
  path: "/v1/batches",
  operationId: "listBatches",
  summary: "Batches of this caller",
  request: { query: pageQuerySchema },
  responses: { 200: { description: "A page of them.", content: jsonContent(listSchema(batchSchema)) }, ...missing },
});
const batchRoute = (method: "get" | "post", operationId: string, summary: string, under = "") =>
  createRoute({
    ...described,
    method,
    path: `/v1/batches/{id}${under}`,
    operationId,
    summary,
    request: { params },
    responses: { 200: shown, ...missing },
  });

function shownBatch(batch: BatchView): z.infer<typeof batchSchema> {
  const secondsOf = (ms: number): number => Math.floor(ms / 1000);
  const at = (status: BatchStatus): number | null => {
    const ms = batch.at[status];
    return ms === undefined ? null : secondsOf(ms);
  };
  return {
    id: batch.id,
    object: "batch",
    endpoint: batch.endpoint,
    errors: batch.errors.length === 0 ? null : { object: "list", data: batch.errors },
    input_file_id: batch.inputFileId,
    completion_window: "24h",
    status: batch.status,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: secondsOf(batch.createdAtMs),
    expires_at: secondsOf(batch.expiresAtMs),
    in_progress_at: at("in_progress"),
    finalizing_at: at("finalizing"),
    completed_at: at("completed"),
    failed_at: at("failed"),
    expired_at: at("expired"),
    cancelling_at: at("cancelling"),
    cancelled_at: at("cancelled"),
    request_counts: batch.counts,
    metadata: batch.metadata,
  };
}

/** `/v1/batches`. */
export function mountBatches(app: OpenAPIHono<AppEnv>): void {
  registerRoute(app, createBatchRoute);
  app.post("/v1/batches", async (c) => {
    const body = await readJsonBody(c.req.raw, newBatchSchema);
    const account = accountOf(c);
    const batch = await batchesOf(c.env, account.id).create(
      {
        caller: callerOf(account),
        userId: account.userId,
        endpoint: endpointSchema.parse(body.endpoint),
        inputFileId: body.input_file_id,
        metadata: body.metadata ?? null,
      },
      account.key?.models ?? null,
    );
    return c.json(shownBatch(takeMade(batch)), 200);
  });

  registerRoute(app, listBatchesRoute);
  app.get("/v1/batches", async (c) => {
    const query = parseWith(pageQuerySchema, c.req.query());
    const account = accountOf(c);
    const batches = await batchesOf(c.env, account.id).batches(callerOf(account).id);
    return c.json(pageOf(batches.map(shownBatch), query), 200);
  });

  registerRoute(app, batchRoute("get", "retrieveBatch", "Look at a batch"));
  app.get("/v1/batches/:id", async (c) => {
    const account = accountOf(c);
    const batch = await batchesOf(c.env, account.id).batch(callerOf(account).id, c.req.param("id"));
    return c.json(shownBatch(found(batch)), 200);
  });

  registerRoute(app, batchRoute("post", "cancelBatch", "End a batch; what has been answered stays", "/cancel"));
  app.post("/v1/batches/:id/cancel", async (c) => {
    const account = accountOf(c);
    const batch = await batchesOf(c.env, account.id).cancel(callerOf(account).id, c.req.param("id"));
    return c.json(shownBatch(found(batch)), 200);
  });
}

function found(batch: BatchView | undefined): BatchView {
  if (batch === undefined) throw new PorchlightError("not_found", "There is no such batch, or it is not yours.");
  return batch;
}

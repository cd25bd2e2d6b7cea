import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { errorResponses, jsonContent, registerRoute } from "../../shared/api/document.ts";
import { readBytes } from "../../shared/api/json-body.ts";
import { listSchema, pageOf, pageQuerySchema } from "../../shared/api/openai/kept/page.ts";
import { parseWith } from "../../shared/api/validation.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { AppEnv } from "../env.ts";
import { callerOf } from "../home/account-backend.ts";
import { type BatchFile, FILE_PURPOSES } from "../home/batches/file-table.ts";
import { BATCH_LIMITS } from "../home/batches/limits.ts";
import { batchesOf } from "../home/batches/remote-desk.ts";
import { takeMade } from "../home/made.ts";
import { accountOf } from "../middleware/authenticate.ts";

/** What multipart puts around a file. */
const ENVELOPE_BYTES = 64 * 1024;

const params = z.object({ id: z.string().max(128) });
const uploadSchema = z.object({
  purpose: z.enum(["batch", "user_data"], { error: "only files of the purposes 'batch' and 'user_data' are kept" }),
  file: z
    .instanceof(File)
    .openapi({ type: "string", format: "binary", description: "At most 25 MiB; for a batch, JSONL." }),
});

const fileSchema = z
  .object({
    id: z.string(),
    object: z.literal("file"),
    purpose: z.enum(FILE_PURPOSES),
    filename: z.string(),
    bytes: z.number().int(),
    created_at: z.number().int(),
    expires_at: z.number().int(),
    status: z.literal("processed"),
  })
  .openapi("File");

const described = { tags: ["Batches"] };
const missing = errorResponses("invalid_api_key", "not_found");

const createFileRoute = createRoute({
  ...described,
  method: "post",
  path: "/v1/files",
  operationId: "createFile",
  summary: "Upload what a batch asks, or a file that plugins may read",
  description:
    "For a batch, one request a line. Of the purpose `user_data`: what a call of a plugin names among its `files`. Files are kept for 30 days, each its caller's own.",
  request: { body: { required: true, content: { "multipart/form-data": { schema: uploadSchema } } } },
  responses: {
    200: { description: "The file.", content: jsonContent(fileSchema) },
    ...errorResponses("invalid_request", "invalid_api_key", "body_too_large", "records_full"),
  },
});
const listFilesRoute = createRoute({
  ...described,
  method: "get",
  path: "/v1/files",
  operationId: "listFiles",
  summary: "Files that were uploaded, and those that batches wrote",
  request: { query: pageQuerySchema },
  responses: { 200: { description: "A page of them.", content: jsonContent(listSchema(fileSchema)) }, ...missing },
});
const fileRoute = (method: "get" | "delete", operationId: string, summary: string, under = "") =>
  createRoute({
    ...described,
    method,
    path: `/v1/files/{id}${under}`,
    operationId,
    summary,
    request: { params },
    responses: { 200: { description: summary }, ...missing },
  });

function shownFile({ createdAtMs, keptUntilMs, ...file }: BatchFile): z.infer<typeof fileSchema> {
  return {
    ...file,
    object: "file",
    status: "processed",
    created_at: Math.floor(createdAtMs / 1000),
    expires_at: Math.floor(keptUntilMs / 1000),
  };
}

/** `/v1/files`: what batches ask, and what they answered. */
export function mountFiles(app: OpenAPIHono<AppEnv>): void {
  const deskOf = (c: Context<AppEnv>) => batchesOf(c.env, accountOf(c).id);
  const callerIdOf = (c: Context<AppEnv>): string => callerOf(accountOf(c)).id;
  const find = async (c: Context<AppEnv>, id: string): Promise<BatchFile> => {
    const file = await deskOf(c).file(callerIdOf(c), id);
    if (file === undefined) throw new PorchlightError("not_found", "There is no such file, or its time is over.");
    return file;
  };

  registerRoute(app, createFileRoute);
  app.post("/v1/files", async (c) => {
    const { file, purpose } = parseWith(uploadSchema, await formOf(c.req.raw));
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (bytes.length > BATCH_LIMITS.fileBytes) throw new PorchlightError("body_too_large");
    const name = file.name.slice(0, 255);
    return c.json(shownFile(takeMade(await deskOf(c).addFile(callerIdOf(c), name, bytes, purpose))), 200);
  });

  registerRoute(app, listFilesRoute);
  app.get("/v1/files", async (c) => {
    const query = parseWith(pageQuerySchema, c.req.query());
    const files = await deskOf(c).files(callerIdOf(c));
    return c.json(pageOf(files.map(shownFile), query), 200);
  });

  registerRoute(app, fileRoute("get", "retrieveFile", "Look at a file"));
  app.get("/v1/files/:id", async (c) => c.json(shownFile(await find(c, c.req.param("id"))), 200));

  registerRoute(app, fileRoute("get", "downloadFile", "The bytes of a file", "/content"));
  app.get("/v1/files/:id/content", async (c) => {
    const { id, bytes } = await find(c, c.req.param("id"));
    let next = 0;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const part = await deskOf(c).part(callerIdOf(c), id, next++);
        if (part === undefined) controller.close();
        else controller.enqueue(part);
      },
    });
    return c.body(body, 200, { "content-type": "application/jsonl", "content-length": String(bytes) });
  });

  registerRoute(app, fileRoute("delete", "deleteFile", "Forget a file"));
  app.delete("/v1/files/:id", async (c) => {
    const { id } = await find(c, c.req.param("id"));
    await deskOf(c).removeFile(callerIdOf(c), id);
    return c.json({ id, object: "file" as const, deleted: true }, 200);
  });
}

/** The fields of a form. Throws PorchlightError. */
async function formOf(request: Request): Promise<object> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new PorchlightError("unsupported_media_type", "Send the file as 'Content-Type: multipart/form-data'.");
  }
  const bytes = await readBytes(request, BATCH_LIMITS.fileBytes + ENVELOPE_BYTES);
  try {
    const form = await new Response(new Uint8Array(bytes), { headers: { "content-type": type } }).formData();
    return { purpose: form.get("purpose"), file: form.get("file") };
  } catch (cause) {
    throw new PorchlightError("invalid_request", "The body is not a form.", { cause });
  }
}

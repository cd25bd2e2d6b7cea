import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, expect, it } from "vitest";
import { BatchDesk } from "../../../../edge/home/batches/desk.ts";
import { BATCH_LIMITS } from "../../../../edge/home/batches/limits.ts";
import { JobDesk } from "../../../../edge/home/jobs/desk.ts";
import { NO_LIMITS } from "../../../../edge/credentials/key-grant.ts";
import { type Answer, type Identity, pair, saying, TestAgent, writeEvents } from "../../support/agent.ts";
import { modelOnline } from "../../support/chat.ts";
import { bearer, errorOf, insertKey, type Owner, postJson, request, setUp } from "../../support/edge.ts";
import { HandRunner } from "../jobs/bench-runner.ts";

interface ShownBatch {
  id: string;
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  errors: { data: { line: number; param: string | null }[] } | null;
  request_counts: { total: number; completed: number; failed: number };
}
interface ResultLine {
  custom_id: string;
  response: { status_code: number; body: Record<string, unknown> } | null;
  error: { code: string } | null;
}

let owner: Owner;
let identity: Identity;
const connected: TestAgent[] = [];

beforeAll(async () => {
  owner = await setUp();
  identity = await pair(owner.apiKey);
});

afterEach(async () => {
  for (const agent of connected.splice(0)) {
    await expect.poll(() => agent.session.streamCount).toBe(0);
    agent.close();
  }
  await modelOnline(owner.apiKey, "starter", false);
});

async function connect(answer: Answer): Promise<void> {
  connected.push(await TestAgent.connect(identity, answer));
  await modelOnline(owner.apiKey, "starter");
}

async function upload(text: string, purpose = "batch"): Promise<Response> {
  const body = new FormData();
  body.set("purpose", purpose);
  body.set("file", new File([text], "asked.jsonl"));
  return await request("/v1/files", { method: "POST", headers: bearer(owner.apiKey), body });
}

async function take<T>(path: string, key = owner.apiKey): Promise<T> {
  return await (await request(path, { headers: bearer(key) })).json();
}

const ask = (custom_id: string, url: string, body: object) =>
  JSON.stringify({ custom_id, method: "POST", url, body: { model: "starter", ...body } });

async function begin(endpoint: string, lines: string[]): Promise<ShownBatch> {
  const { id } = await (await upload(lines.join("\n"))).json<{ id: string }>();
  const body = { input_file_id: id, endpoint, completion_window: "24h", metadata: { a: "b" } };
  return await (await postJson("/v1/batches", body, bearer(owner.apiKey))).json();
}

async function ended(id: string): Promise<ShownBatch> {
  const look = async () => await take<ShownBatch>(`/v1/batches/${id}`);
  await expect.poll(async () => (await look()).status, { timeout: 8_000 }).toMatch(/completed|failed|cancelled/);
  return await look();
}

async function linesOf(file: string | null): Promise<ResultLine[]> {
  const response = await request(`/v1/files/${file}/content`, { headers: bearer(owner.apiKey) });
  return new TextDecoder()
    .decode(await response.arrayBuffer())
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Repeats the last question, but for one that it cannot take. */
const echoing: Answer = async (asked, stream, signal) => {
  const question = asked.prompt ?? asked.messages.at(-1)?.content ?? "";
  if (question !== "bad") return await saying(`You said ${question}.`)(asked, stream, signal);
  await writeEvents(stream, { type: "error", error: { code: "invalid_request", message: "Not that." } });
  stream.end();
};

it("answers each line by the address that it asks, in order, and tells apart what failed", async () => {
  const chat = (content: string) => ({ messages: [{ role: "user", content }] });
  const questions = ["one", "bad", ...Array.from({ length: 20 }, (_, index) => `q${index}`)];
  const lines = questions.map((content, index) => ask(`c${index}`, "/v1/chat/completions", chat(content)));
  const batch = await begin("/v1/chat/completions", lines);
  expect(batch).toMatchObject({ status: "in_progress", request_counts: { total: 22, completed: 0, failed: 0 } });
  await connect(echoing);
  const done = await ended(batch.id);
  expect(done).toMatchObject({ status: "completed", request_counts: { total: 22, completed: 21, failed: 1 } });
  const answers = await linesOf(done.output_file_id);
  expect(answers.map(({ custom_id }) => custom_id)).toEqual(
    questions.flatMap((question, index) => (question === "bad" ? [] : [`c${index}`])),
  );
  expect(answers[0]).toMatchObject({
    response: {
      status_code: 200,
      body: { object: "chat.completion", choices: [{ message: { content: "You said one." } }] },
    },
    error: null,
  });
  expect(await linesOf(done.error_file_id)).toMatchObject([
    { custom_id: "c1", response: { status_code: 400, body: { error: { code: "invalid_request" } } } },
  ]);
  const other = await insertKey(owner.accountId, "inference");
  expect(await take(`/v1/batches/${batch.id}`, other)).toMatchObject({ error: { code: "not_found" } });
  expect(await take(`/v1/files/${done.output_file_id}/content`, other)).toMatchObject({ error: { code: "not_found" } });

  const responses = await ended((await begin("/v1/responses", [ask("r", "/v1/responses", { input: "two" })])).id);
  expect((await linesOf(responses.output_file_id))[0]?.response?.body).toMatchObject({
    object: "response",
    status: "completed",
    output: [{ content: [{ text: "You said two." }] }],
  });
  const texts = await ended((await begin("/v1/completions", [ask("t", "/v1/completions", { prompt: "three" })])).id);
  expect((await linesOf(texts.output_file_id))[0]?.response?.body).toMatchObject({
    choices: [{ text: "You said three." }],
  });
  const { data } = await take<{ data: { id: string }[] }>("/v1/batches?limit=2");
  expect(data.map(({ id }) => id)).toEqual([texts.id, responses.id]);
});

it("is cancelled with what it has, and keeps none of its lines in the queue", async () => {
  const lines = Array.from({ length: 20 }, (_, index) => ask(`c${index}`, "/v1/responses", { input: "x" }));
  const { id } = await begin("/v1/responses", lines);
  await postJson(`/v1/batches/${id}/cancel`, {}, bearer(owner.apiKey));
  const done = await ended(id);
  expect(done).toMatchObject({ status: "cancelled", output_file_id: null, request_counts: { failed: 20 } });
  expect((await linesOf(done.error_file_id))[19]).toMatchObject({ response: null, error: { code: "batch_cancelled" } });
  const { jobs } = await take<{ jobs: unknown[] }>("/api/jobs?state=queued");
  expect(jobs).toEqual([]);
});

it("refuses by name and line what cannot be asked", async () => {
  const hostile = [
    "{",
    ask("a", "/v1/responses", { input: "x", previous_response_id: "resp_1" }),
    ask("b", "/v1/chat/completions", { messages: [{ role: "user", content: "x" }] }),
    ask("c", "/v1/responses", { input: "x", stream: true }),
    ask("d", "/v1/responses", { input: "x" }),
    ask("d", "/v1/responses", { input: "x" }),
    JSON.stringify({ custom_id: "e", method: "GET", url: "/etc/passwd", body: null }),
  ];
  const batch = await begin("/v1/responses", hostile);
  expect(batch.status).toBe("failed");
  expect(batch.errors?.data.map(({ line }) => line)).toEqual([1, 2, 3, 4, 6, 7]);
  expect((await errorOf(await upload("x", "fine-tune"))).param).toBe("purpose");
  const asked = { input_file_id: "file-none", completion_window: "24h" };
  const begun = async (endpoint: string) =>
    (await errorOf(await postJson("/v1/batches", { ...asked, endpoint }, bearer(owner.apiKey)))).param;
  expect([await begun("/v1/embeddings"), await begun("/v1/responses")]).toEqual(["endpoint", "input_file_id"]);
  const large = await upload("x".repeat(BATCH_LIMITS.fileBytes + 1));
  expect(large.status).toBe(413);
});

it("expires with what it has, and goes on over lives of the object", async () => {
  await runInDurableObject(env.HOME.getByName("batches"), async (_home, { storage }) => {
    let nowMs = Date.UTC(2026, 10, 23);
    const { sql } = storage;
    const runner = new HandRunner();
    const desks = () => {
      const common = { sql, onChange: () => undefined, now: () => nowMs };
      const send = async () => ({ ok: true, status: 200, failure: null });
      let batches: BatchDesk | undefined;
      const jobs = new JobDesk({ ...common, runner, send, onEnded: (job) => batches?.jobEnded(job) });
      batches = new BatchDesk({ ...common, jobs, transaction: (step) => storage.transactionSync(step) });
      return { jobs, batches };
    };
    const { batches } = desks();
    const caller = { id: "ann", version: 0, limits: NO_LIMITS };
    const text = ["a", "b"].map((id) => ask(id, "/v1/responses", { input: id })).join("\n");
    const file = batches.addFile("ann", "x", new TextEncoder().encode(text));
    if (!("made" in file)) throw new Error("no file");
    const asked = {
      caller,
      userId: "u",
      endpoint: "/v1/responses" as const,
      inputFileId: file.made.id,
      metadata: null,
    };
    const created = batches.create(asked, null);
    if (!("made" in created)) throw new Error("no batch");
    batches.tick();
    const again = desks();
    again.jobs.ended(runner.last, {
      events: [
        { type: "text", text: "A." },
        { type: "finish", reason: "stop" },
      ],
    });
    expect(again.batches.batch("ann", created.made.id)?.counts).toEqual({ total: 2, completed: 1, failed: 0 });
    nowMs += BATCH_LIMITS.windowMs;
    again.batches.tick();
    again.batches.tick();
    const { id } = created.made;
    await expect.poll(() => again.batches.batch("ann", id)?.status).toBe("expired");
    const view = again.batches.batch("ann", id);
    const content = (name: string | null | undefined) =>
      new TextDecoder().decode(again.batches.part("ann", name ?? "", 0));
    expect(JSON.parse(content(view?.outputFileId))).toMatchObject({ custom_id: "a" });
    expect(JSON.parse(content(view?.errorFileId))).toMatchObject({ custom_id: "b", error: { code: "batch_expired" } });
    again.batches.callerGone("u");
    expect([again.batches.batch("ann", id), again.batches.files("ann")]).toEqual([undefined, []]);
  });
});

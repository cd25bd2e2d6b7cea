/**
 * A wiped machine, with real processes: conversations go cold at a home machine and into the backup at the edge; the machine is killed and
 * its folder deleted; another restores all by one command and the recovery phrase. Then everything that the edge has is taken for keys of
 * the backup, and none opens it. Takes a minute: node test/campaign/restore.ts
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { keyOf } from "../../node-agent/archive/backup-key.ts";
import { EdgeBackup } from "../../node-agent/archive/backup-source.ts";
import { Sealer } from "../../node-agent/archive/seal.ts";
import { householdOf } from "../../node-agent/commands/household.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { exitOf, run, start } from "../support/command.ts";
import { freePort, startStack } from "../support/stack.ts";

const SECRET = "the heron nests under the third bridge";
const SESSIONS = 3;
const TURNS = 70;

process.env["PORCHLIGHT_SESSION_COLD_DAYS"] = "0";
const root = await mkdtemp(join(tmpdir(), "porchlight-restore-"));
const [first, second, phraseFile] = [join(root, "first"), join(root, "second"), join(root, "phrase")];
const stack = await startStack();
try {
  const auth = { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json" };
  await stack.stack.agent.stop();
  let machine = start([
    "connect",
    await stack.stack.owner.pairingUrl(),
    "--data",
    first,
    "--local-port",
    String(await freePort()),
  ]);
  await until(
    "the first machine is paired",
    async () =>
      await householdOf(first).then(
        () => true,
        () => false,
      ),
  );
  const on = await run(["backup", "on", "--json", "--data", first]);
  assert.equal(on.code, 0, on.stderr);
  const { phrase } = JSON.parse(on.stdout) as { phrase: string };
  await writeFile(phraseFile, phrase);
  const again = await run(["backup", "on", "--data", first]);
  assert.equal(again.code, 2, "the key is made once");

  const imported = await fetch(`${stack.origin}/api/sessions/import`, {
    method: "POST",
    headers: auth,
    body: JSON.stringify({ sessions: Array.from({ length: SESSIONS }, (_, at) => conversation(at)) }),
  });
  const { sessions } = (await imported.json()) as { sessions: { id: string; state: string }[] };
  assert.deepEqual(
    sessions.map(({ state }) => state),
    Array.from({ length: SESSIONS }, () => "added"),
  );
  const { identity, origin } = await householdOf(first);
  const names = async () => await namesOf(new EdgeBackup(identity, origin));
  const heads = async () => (await names()).filter((name) => name.endsWith(".head"));
  await until("the backup has every conversation", async () => (await heads()).length >= SESSIONS, 180_000);
  const status = JSON.parse((await run(["backup", "status", "--json", "--data", first])).stdout) as { turns: number };
  console.log("first machine:", status, "backup:", (await names()).length, "objects");
  const before = await turnsOf(sessions[0]?.id ?? "", auth);

  if (machine.pid !== undefined) process.kill(-machine.pid, "SIGKILL");
  await exitOf(machine);
  await rm(first, { recursive: true });

  const link = await stack.stack.owner.pairingUrl();
  const began = performance.now();
  const restored = await run(["restore", link, "--data", second, "--phrase-file", phraseFile, "--json"]);
  assert.equal(restored.code, 0, restored.stderr);
  console.log("restored in", Math.round(performance.now() - began), "ms:", restored.stdout.trim());
  machine = start(["connect", "--data", second, "--local-port", String(await freePort())]);
  await until("the turns are read at the second machine", async () => {
    const answer = await fetch(`${stack.origin}/api/sessions/${sessions[0]?.id}/turns?from=0&limit=1`, {
      headers: auth,
    });
    return answer.ok;
  });
  assert.deepEqual(await turnsOf(sessions[0]?.id ?? "", auth), before, "every turn is back as it was");

  const wrong = join(root, "wrong");
  await writeFile(wrong, `${"abandon ".repeat(23)}art`);
  const refused = await run(["restore", "--data", second, "--phrase-file", wrong]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /another key/);

  await edgeCannotRead(phrase);
  if (machine.pid !== undefined) process.kill(-machine.pid, "SIGKILL");
  await exitOf(machine);
  console.log("ok");
} finally {
  await stack.stop();
  await rm(root, { recursive: true, force: true });
}

function conversation(at: number) {
  const createdAtMs = Date.now() - 30 * 86_400_000;
  const turns = Array.from({ length: TURNS }, (_, index) => ({
    createdAtMs: createdAtMs + index,
    messages: [
      { role: "user", content: `${SECRET}, question ${index}` },
      { role: "assistant", content: `Answer ${index}.` },
    ],
    model: "m",
    state: "complete",
  }));
  return {
    from: { kind: "openai", id: `conversation-${at}` },
    title: `Number ${at}`,
    createdAtMs,
    updatedAtMs: createdAtMs,
    settings: {},
    turns,
  };
}

async function turnsOf(id: string, headers: Record<string, string>): Promise<unknown[]> {
  const turns: unknown[] = [];
  while (turns.length < TURNS) {
    const answer = await fetch(`${stack.origin}/api/sessions/${id}/turns?from=${turns.length}&limit=50`, { headers });
    const body = (await answer.json()) as { turns: unknown[] };
    assert.ok(answer.ok && body.turns.length > 0, JSON.stringify(body).slice(0, 300));
    turns.push(...body.turns);
  }
  return turns;
}

/** Everything the edge has: R2's objects, every value of every table of D1 and of the Home object, its environment and every file. */
async function edgeCannotRead(phrase: string): Promise<void> {
  const key = keyOf(phrase);
  const { identity, origin } = await householdOf(second);
  const source = new EdgeBackup(identity, origin);
  const names = await namesOf(source);
  const sealed = new Map<string, Uint8Array>();
  for (const name of names) sealed.set(name, await source.sealed(name));
  const entries = await readdir(stack.folder.edge, { recursive: true, withFileTypes: true });
  const values: (string | Uint8Array)[] = Object.values(process.env).filter((value) => value !== undefined);
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    values.push(bytes);
    for (const form of [
      Buffer.from(key),
      Buffer.from(key).toString("hex"),
      Buffer.from(key).toString("base64"),
      phrase,
    ])
      assert.equal(bytes.indexOf(form), -1, `${path} holds the key`);
    if (path.includes("/r2/")) assert.equal(bytes.indexOf(SECRET), -1, `${path} holds what was said`);
    if (path.endsWith(".sqlite")) values.push(...valuesOf(path));
  }
  let tried = 0;
  for (const candidate of keysIn(values)) {
    const sealer = new Sealer(candidate);
    for (const [name, bytes] of sealed) {
      assert.throws(
        () => sealer.open(name, bytes),
        (error) => error instanceof PorchlightError,
      );
      tried += 1;
    }
  }
  const right = new Sealer(key);
  for (const [name, bytes] of sealed) right.open(name, bytes);
  assert.ok(tried > 1000, "there was enough to try");
  console.log(
    `the edge's ${values.length} values opened none of ${sealed.size} objects in ${tried} tries; the phrase opens all`,
  );
}

async function namesOf(source: EdgeBackup): Promise<string[]> {
  const names: string[] = [];
  for await (const name of source.names()) names.push(name);
  return names;
}

function valuesOf(path: string): (string | Uint8Array)[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return tables.flatMap(({ name }) => {
      try {
        const rows = database.prepare(`SELECT * FROM "${String(name)}"`).all();
        return rows.flatMap((row) =>
          Object.values(row).filter((v) => typeof v === "string" || v instanceof Uint8Array),
        );
      } catch {
        return []; // A table of the runtime's own that only it may read: its file's bytes are among the values.
      }
    });
  } finally {
    database.close();
  }
}

/** What somebody could take for a key: every 32 bytes, in any writing, and the hash of everything. */
function* keysIn(values: readonly (string | Uint8Array)[]): Generator<Uint8Array> {
  const seen = new Set<string>();
  for (const value of values) {
    const text = typeof value === "string" ? value : Buffer.from(value).toString("latin1");
    const forms = [Buffer.from(value), createHash("sha256").update(value).digest()];
    for (const word of text.match(/[\w+/=-]{32,64}/g) ?? []) {
      for (const encoding of ["utf8", "hex", "base64", "base64url"] as const) forms.push(Buffer.from(word, encoding));
    }
    for (const form of forms) {
      const id = form.toString("hex");
      if (form.length !== 32 || seen.has(id)) continue;
      seen.add(id);
      yield form;
    }
  }
}

async function until(what: string, isSo: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadlineMs, `${what}: not within ${limitMs} ms`);
    await sleep(500);
  }
}

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newBackupKey, writeBackupKey } from "../../../node-agent/archive/backup-key.ts";
import { archiveFiles, ArchiveKeeper } from "../../../node-agent/archive/keeper.ts";
import { Sealer } from "../../../node-agent/archive/seal.ts";
import { serveArchive } from "../../../node-agent/archive/serve-archive.ts";
import { TunnelArchive } from "../../../edge/home/archive/tunnel-archive.ts";
import { DEFAULT_SESSION_LIMITS } from "../../../shared/protocol/handshake.ts";
import { createSession } from "../../../shared/protocol/session.ts";
import type { Session } from "../../../shared/protocol/types.ts";
import { backupNames, decodeTurns } from "../../../shared/sessions/backup.ts";
import { temporaryFolder } from "../../support/model-temp.ts";
import { segmentOf } from "./segments.ts";

/** The edge's end of a tunnel whose other end serves this archive. */
function tunnelTo(keeper: ArchiveKeeper | undefined): Session {
  const end = (role: "edge" | "agent", peer: () => Session): Session =>
    createSession({
      role,
      limits: DEFAULT_SESSION_LIMITS,
      transport: {
        send: (bytes) => queueMicrotask(() => peer().receive(bytes.slice())),
        close: (code, reason) => {
          throw new Error(`closed: ${code} ${reason}`);
        },
      },
      onStream: (stream) => void serveArchive(stream, keeper),
      onControl: () => undefined,
    });
  const edge: Session = end("edge", () => agent);
  const agent: Session = end("agent", () => edge);
  return edge;
}

describe("the archive through the tunnel", () => {
  const key = newBackupKey();
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let keeper: ArchiveKeeper;
  let session: Session;
  beforeEach(async () => {
    folder = await temporaryFolder();
    keeper = await ArchiveKeeper.open(folder.path);
    session = tunnelTo(keeper);
  });
  afterEach(async () => {
    keeper.close();
    await folder[Symbol.asyncDispose]();
  });

  function port() {
    const tunnel = { agentId: "a", archive: "sealing", leaving: false } as const;
    return new TunnelArchive({ tunnels: () => [tunnel], openStream: (_tunnel, header) => session.open(header) });
  }

  async function ask(text: string): Promise<{ error?: { code: string } }> {
    const stream = session.open({ kind: "archive", requestId: "r" });
    stream.write(new TextEncoder().encode(text)).catch(() => undefined);
    stream.end();
    let answer = "";
    for await (const piece of stream.incoming) answer += Buffer.from(piece).toString();
    return JSON.parse(answer);
  }

  it("keeps, gives back, finds, seals and drops", async () => {
    const { id, sessionId, turns } = segmentOf(7);
    const archive = port();
    expect(await archive.put("a", segmentOf(7))).toEqual(await archive.put("a", segmentOf(7)));
    expect(await archive.get("a", sessionId, id)).toEqual(turns);
    expect(await archive.search("a", "ada", "lantern", 1)).toMatchObject([{ sessionId, segmentId: id, index: 0 }]);
    const name = backupNames.segment(sessionId, id);
    await expect(archive.sealStored("a", sessionId, id, name)).rejects.toMatchObject({ code: "backup_key_missing" });
    await writeBackupKey(archiveFiles(folder.path).key, key);
    expect(await keeper.lookForKey()).toBe(true);
    const sealer = new Sealer(key);
    expect(decodeTurns(sealer.open(name, await archive.sealStored("a", sessionId, id, name)))).toEqual(turns);
    const plain = new Uint8Array(4 * 1024 * 1024).map((_, at) => at % 251);
    const part = backupNames.part(sessionId, 3, 0);
    const [sealed] = await archive.seal("a", [{ name: part, plain }]);
    expect(Buffer.compare(sealer.open(part, sealed?.sealed ?? new Uint8Array(0)), plain)).toBe(0);
    await archive.seal("a", [{ name: backupNames.head(sessionId, 3), plain: new Uint8Array(1) }]);
    expect(await keeper.archive.sealedRevision(sessionId)).toBe(3);
    await archive.drop("a", { sessionIds: [sessionId], segmentIds: [] });
    await expect(archive.put("a", segmentOf(7))).rejects.toMatchObject({ code: "segment_dropped" });
    await expect(archive.get("b", sessionId, id)).rejects.toMatchObject({ code: "agent_offline" });
  });

  it("opens nothing for the edge, and seals a segment under no other name", async () => {
    await writeBackupKey(archiveFiles(folder.path).key, key);
    await keeper.lookForKey();
    const { id, sessionId } = segmentOf(7);
    await port().put("a", segmentOf(7));
    const name = backupNames.segment(sessionId, id);
    const sealed = Buffer.from(await port().sealStored("a", sessionId, id, name)).toString("base64");
    expect(await ask(JSON.stringify({ op: "open", objects: [{ name, sealed }] }))).toMatchObject({
      error: { code: "invalid_request" },
    });
    const other = backupNames.segment(segmentOf(8).sessionId, id);
    await expect(port().sealStored("a", sessionId, id, other)).rejects.toMatchObject({ code: "invalid_request" });
  });

  it.each<[string, () => string, string]>([
    ["nothing", () => "", "invalid_json"],
    ["no JSON", () => "{", "invalid_json"],
    ["another operation", () => '{"op":"exec"}', "invalid_request"],
    ["JSON without end", () => "[".repeat(100_000), "json_too_deep"],
    ["more than fits", () => " ".repeat(9 * 1024 * 1024), "body_too_large"],
    [
      "an id with a path",
      () => JSON.stringify({ op: "get", sessionId: "../../etc", segmentId: "x" }),
      "invalid_request",
    ],
    ["a name with a path", () => sealOf("../../secret", "AA=="), "invalid_request"],
    [
      "bytes that are no base64",
      () => sealOf(backupNames.head(segmentOf(1).sessionId, 1), "\u0000"),
      "invalid_request",
    ],
    ["turns out of order", () => put({ turns: segmentOf(1).turns.toReversed() }), "invalid_request"],
    ["fewer turns than it says", () => put({ to: 3 }), "invalid_request"],
    ["a long user", () => put({ userId: "u".repeat(1000) }), "invalid_request"],
    ["too many drops", () => JSON.stringify({ op: "drop", sessionIds: [], segmentIds: many() }), "invalid_request"],
  ])("refuses %s", async (_what, text, code) => {
    expect(await ask(text())).toMatchObject({ error: { code } });
    expect(await keeper.archive.check()).toMatchObject({ segments: 0 });
  });
});

const put = (change: object): string => JSON.stringify({ op: "put", segment: { ...segmentOf(1), ...change } });
const sealOf = (name: string, plain: string): string => JSON.stringify({ op: "seal", objects: [{ name, plain }] });
const many = (): string[] => Array.from({ length: 1001 }, (_, at) => segmentOf(at).id);

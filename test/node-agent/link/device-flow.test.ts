import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { enrolByDevice } from "../../../node-agent/link/device-flow.ts";
import { loadIdentity } from "../../../node-agent/link/identity.ts";
import { verifyDevice, verifyEnrolment } from "../../../shared/protocol/signatures.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

/** What a false or unusual edge answers: one at the start, then one for each poll, the last for all that follow. */
type Answer = { status: number; body: unknown };
let answers: Answer[];
let asked: { path: string; form: URLSearchParams; atMs: number }[];
let server: Server;
let origin: string;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
  asked = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString()));
    request.on("end", () => {
      asked.push({ path: request.url ?? "", form: new URLSearchParams(body), atMs: performance.now() });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      response.writeHead(answer?.status ?? 500, { "content-type": "application/json" });
      response.end(JSON.stringify(answer?.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await folder[Symbol.asyncDispose]();
});

const started = (more: object = {}): Answer => ({
  status: 200,
  body: {
    device_code: "the-device-code",
    user_code: "WDJB-MJHT",
    verification_uri: `${origin}/device`,
    verification_uri_complete: `${origin}/device?user_code=WDJB-MJHT`,
    expires_in: 600,
    interval: 0.01,
    ...more,
  },
});
const grant = (more: object = {}): Answer => ({
  status: 200,
  body: { agent_id: "agent-1", origin, tunnel_url: `${origin.replace("http", "ws")}/tunnel`, ...more },
});
const refusal = (error: string): Answer => ({ status: 400, body: { error } });

async function pair(signal = new AbortController().signal, onCode: (code: object) => void = () => undefined) {
  const identity = await loadIdentity(join(folder.path, "identity.json"));
  return {
    identity,
    pairing: await enrolByDevice({ origin, identity, name: "desk", system: "linux", onCode, signal }),
  };
}

it("shows the code, polls until it is approved, and signs the start and each poll", async () => {
  answers = [started(), refusal("authorization_pending"), refusal("authorization_pending"), grant()];
  const codes: object[] = [];
  const { identity, pairing } = await pair(undefined, (code) => codes.push(code));
  expect(pairing).toEqual({ agentId: "agent-1", origin, tunnelUrl: `${origin.replace("http", "ws")}/tunnel` });
  expect(codes).toMatchObject([{ userCode: "WDJB-MJHT", url: `${origin}/device`, expiresInMs: 600_000 }]);
  expect(asked.map(({ path }) => path)).toEqual(["/oauth/device_authorization", ...Array(3).fill("/oauth/token")]);
  const [begin, poll] = asked;
  const signed = async (form: URLSearchParams | undefined) => form?.get("signature") ?? "";
  const { publicKey } = identity;
  expect(await verifyDevice(publicKey, await signed(begin?.form), { origin, name: "desk" })).toBe(true);
  expect(await verifyEnrolment(publicKey, await signed(poll?.form), { origin, code: "the-device-code" })).toBe(true);
});

it.each([
  ["access_denied", "did not let"],
  ["expired_token", "expired"],
  ["invalid_grant", "expired"],
  ["who_knows", "refused to pair"],
])("ends at %s with a sentence", async (error, sentence) => {
  answers = [started(), refusal(error)];
  await expect(pair()).rejects.toThrow(sentence);
  expect(asked).toHaveLength(2);
});

it("gives up when the code has expired, whatever the edge goes on to say", async () => {
  answers = [started({ expires_in: 0.2 }), refusal("authorization_pending")];
  await expect(pair()).rejects.toThrow("in time");
});

it("waits five seconds longer when it is told to slow down, and stops at once when interrupted", async () => {
  answers = [started(), refusal("slow_down")];
  const stop = new AbortController();
  const ended = expect(pair(stop.signal)).rejects.toThrow("Nothing was paired");
  await expect.poll(() => asked.length).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(asked).toHaveLength(2);
  stop.abort();
  await ended;
});

it.each([
  ["sends its owner elsewhere", () => [started({ verification_uri: "https://phishing.test/device" })]],
  [
    "sends its owner elsewhere in the picture",
    () => [started({ verification_uri_complete: "https://phishing.test/" })],
  ],
  ["writes to the terminal with the code", () => [started({ user_code: "\u001b[2J\u001b]0;x" })]],
  ["answers with something else", () => [{ status: 200, body: ["no"] }]],
  ["binds the machine to another origin", () => [started(), grant({ origin: "https://phishing.test" })]],
  [
    "refuses in the terminal's own language",
    () => [{ status: 400, body: { error: { code: "x", message: "\u001b[2Jno" } } }],
  ],
  ["has it dial elsewhere", () => [started(), grant({ tunnel_url: "wss://phishing.test/tunnel" })]],
  ["grants nothing", () => [started(), { status: 200, body: { access_token: "x" } }]],
])("does not pair with an edge that %s", async (_what, script) => {
  answers = script();
  await expect(pair()).rejects.toMatchObject({
    name: "PorchlightError",
    message: expect.not.stringContaining("\u001b"),
  });
});

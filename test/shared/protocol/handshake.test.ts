import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type AgentClaims, agentHandshakeStep } from "../../../shared/protocol/agent-handshake.ts";
import { fromBase64Url, toBase64Url } from "../../../shared/protocol/base64url.ts";
import { isRetriedClose } from "../../../shared/protocol/close-codes.ts";
import {
  beginEdgeHandshake,
  type EdgeHandshake,
  edgeHandshakeSchema,
  encodeWelcome,
  isHandshakeOverdue,
  judgeProof,
  refuse,
} from "../../../shared/protocol/edge-handshake.ts";
import { FRAME } from "../../../shared/protocol/frames.ts";
import { DEFAULT_SESSION_LIMITS, encodeHandshake, type Proof } from "../../../shared/protocol/handshake.ts";
import { ProtocolError } from "../../../shared/protocol/protocol-error.ts";
import {
  type SigningKey,
  signEnrolment,
  signProof,
  verifyEnrolment,
  verifyProof,
} from "../../../shared/protocol/signatures.ts";
import { newAgentKeys } from "../../support/agent-keys.ts";
import { rawFrame } from "../../support/slow-frames.ts";

const ORIGIN = "https://door.example";
let publicKey: string;
let privateKey: SigningKey;
let claims: AgentClaims;

beforeAll(async () => {
  ({ publicKey, privateKey } = await newAgentKeys());
  claims = {
    agentId: "agt_1",
    origin: ORIGIN,
    privateKey,
    features: ["resume"],
    agentVersion: "0.1.0",
  };
});

const begin = (agentId = "agt_1") => beginEdgeHandshake({ agentId, origin: ORIGIN, nowMs: 1000 });

async function proofFor(challenge: Uint8Array, who: AgentClaims = claims): Promise<Uint8Array> {
  const step = await agentHandshakeStep("expect_challenge", challenge, who);
  if (step.kind !== "proof") {
    throw new Error(`The agent answered with ${step.kind}.`);
  }
  return step.bytes;
}

const judge = (state: EdgeHandshake, bytes: Uint8Array, nowMs = 2000) => judgeProof(state, bytes, { publicKey, nowMs });

describe("the edge", () => {
  test("takes the right agent's proof, from a state that went through JSON", async () => {
    const { state, bytes } = begin();
    const restored = edgeHandshakeSchema.parse(JSON.parse(JSON.stringify(state)));
    expect(await judge(restored, await proofFor(bytes))).toMatchObject({
      ok: true,
      protocol: 1,
      proof: { agentId: "agt_1", features: ["resume"], agentVersion: "0.1.0" },
    });
  });

  test("gives every socket another nonce, and refuses the proof of another one", async () => {
    const [one, two] = [begin(), begin()];
    expect(one.state.nonce).not.toBe(two.state.nonce);
    expect(await judge(one.state, await proofFor(two.bytes))).toMatchObject({ ok: false, closeCode: 4401 });
  });

  test("says the same to a wrong key, an unknown agent and another's id", async () => {
    const { state, bytes } = begin();
    const stranger = await newAgentKeys();
    const wrongKey = await judge(state, await proofFor(bytes, { ...claims, privateKey: stranger.privateKey }));
    const unknown = await judgeProof(state, await proofFor(bytes), { publicKey: undefined, nowMs: 2000 });
    const otherId = await judge(state, await proofFor(bytes, { ...claims, agentId: "agt_2" }));
    expect(wrongKey).toMatchObject({ ok: false, closeCode: 4401, reason: "agent_unknown" });
    expect(unknown).toEqual(wrongKey);
    expect(otherId).toEqual(wrongKey);
  });

  test.each([
    ["features changed on the way", { features: ["resume", "admin"] }],
    ["another agent's name over a right signature", { agentId: "agt_2" }],
    ["another version range", { protocol: { min: 1, max: 2 } }],
  ])("refuses %s", async (_what, change) => {
    const { state, bytes } = begin();
    const frame = await proofFor(bytes);
    const message: unknown = JSON.parse(Buffer.from(frame.subarray(12)).toString());
    const forged = rawFrame({
      type: FRAME.data,
      streamId: 0,
      payload: JSON.stringify({ ...Object(message), ...change }),
    });
    expect(await judge(state, forged)).toMatchObject({ ok: false, closeCode: 4401 });
  });

  test("refuses a second message while it verifies, frames before the handshake, two frames in one message, and garbage", async () => {
    const { state, bytes } = begin();
    const proof = await proofFor(bytes);
    const open = rawFrame({ type: FRAME.open, streamId: 1, payload: '{"kind":"generate","requestId":"r"}' });
    const cases: [EdgeHandshake, Uint8Array, string][] = [
      [{ ...state, phase: "verifying" }, proof, "handshake_order"],
      [state, open, "handshake_order"],
      [state, rawFrame({ type: FRAME.ping, streamId: 0, payload: "12345678" }), "handshake_order"],
      [state, Buffer.concat([proof, proof]), "bad_length"],
      [state, rawFrame({ type: FRAME.data, streamId: 0, payload: " ".repeat(65_536) }), "frame_too_large"],
      [state, proof.subarray(0, 40), "truncated"],
      [state, Buffer.from("GET / HTTP/1.1\r\n\r\n"), "bad_version"],
      [state, encodeHandshake({ type: "challenge", nonce: state.nonce, time: 0 }), "bad_message"],
    ];
    for (const [current, message, reason] of cases) {
      expect(await judge(current, message)).toEqual({ ok: false, closeCode: 4400, reason, bytes: undefined });
    }
  });

  test("random messages never make it throw", async () => {
    const { state } = begin();
    const json = fc.json().map((payload) => new Uint8Array(rawFrame({ type: FRAME.data, streamId: 0, payload })));
    await fc.assert(
      fc.asyncProperty(fc.oneof(json, fc.uint8Array({ maxLength: 100 })), async (bytes) => {
        expect(await judge(state, bytes)).toMatchObject({ ok: false, closeCode: 4400 });
      }),
    );
  });

  test("has ten seconds", async () => {
    const { state, bytes } = begin();
    expect(isHandshakeOverdue(state, 11_000)).toBe(false);
    expect(isHandshakeOverdue(state, 11_001)).toBe(true);
    expect(await judge(state, await proofFor(bytes), 11_001)).toMatchObject({ ok: false, closeCode: 4408 });
  });

  test("refuses an agent with which it shares no version, in words", async () => {
    const { state } = begin();
    const range = { min: 2, max: 3 };
    const signature = await signProof(privateKey, { ...state, protocol: range, features: [] });
    const proof: Proof = {
      type: "proof",
      agentId: "agt_1",
      signature,
      protocol: range,
      features: [],
      agentVersion: "9",
    };
    const verdict = await judge(state, encodeHandshake(proof));
    expect(verdict).toMatchObject({ ok: false, closeCode: 4400, reason: "protocol_unsupported" });
    const step = await agentHandshakeStep(
      "expect_welcome",
      verdict.ok ? new Uint8Array() : (verdict.bytes ?? new Uint8Array()),
      claims,
    );
    expect(step).toMatchObject({ kind: "refused", error: { code: "protocol_unsupported" } });
  });
});

describe("the agent", () => {
  const welcome = { protocol: 1, limits: DEFAULT_SESSION_LIMITS, generation: 1, serverVersion: "1" };

  test("takes a welcome after its proof, and a refusal at any point", async () => {
    expect(await agentHandshakeStep("expect_welcome", encodeWelcome(welcome), claims)).toMatchObject({
      kind: "welcome",
    });
    const { bytes = new Uint8Array() } = refuse(4403, "agent_revoked");
    for (const state of ["expect_challenge", "expect_welcome"] as const) {
      expect(await agentHandshakeStep(state, bytes, claims)).toMatchObject({
        kind: "refused",
        error: { code: "agent_revoked" },
      });
    }
  });

  test("signs nothing for an edge that calls itself by another name", async () => {
    const { bytes } = beginEdgeHandshake({ agentId: "agt_1", origin: "https://evil.example", nowMs: 0 });
    const step = await agentHandshakeStep("expect_challenge", bytes, claims);
    expect(step).toMatchObject({ kind: "refused", error: { code: "agent_unknown" } });
    expect(step.kind === "refused" && step.error.message).toContain("https://evil.example");
  });

  test("a proof made for one edge does not convince another, even if that one hides its name", async () => {
    const { state } = begin();
    const challenge = encodeHandshake({ type: "challenge", nonce: state.nonce, time: 0 });
    const proof = await proofFor(challenge, { ...claims, origin: "https://evil.example" });
    expect(await judgeProof(state, proof, { publicKey, nowMs: 2000 })).toMatchObject({ ok: false, closeCode: 4401 });
  });

  test.each([
    ["a welcome before the challenge", "expect_challenge", encodeWelcome(welcome), "handshake_order"],
    ["a second challenge", "expect_welcome", begin().bytes, "handshake_order"],
    ["a version it does not speak", "expect_welcome", encodeWelcome({ ...welcome, protocol: 2 }), "bad_message"],
    [
      "raised limits",
      "expect_welcome",
      encodeWelcome({ ...welcome, limits: { ...DEFAULT_SESSION_LIMITS, streams: 65 } }),
      "bad_message",
    ],
    [
      "a short nonce",
      "expect_challenge",
      encodeHandshake({ type: "challenge", nonce: "AAAA", time: 0 }),
      "bad_message",
    ],
  ] as const)("refuses %s", async (_what, state, bytes, reason) => {
    const step = agentHandshakeStep(state, bytes, claims);
    await expect(step).rejects.toBeInstanceOf(ProtocolError);
    await expect(step).rejects.toMatchObject({ reason });
  });
});

describe("signatures", () => {
  test("fields cannot run into each other, and one purpose's signature does not serve the other", async () => {
    const code = { origin: "https://a", code: "bc" };
    const signature = await signEnrolment(privateKey, code);
    expect(await verifyEnrolment(publicKey, signature, code)).toBe(true);
    expect(await verifyEnrolment(publicKey, signature, { origin: "https://ab", code: "c" })).toBe(false);
    const proof = { origin: "o", agentId: "ab", nonce: toBase64Url(new Uint8Array(32)), protocol: { min: 1, max: 1 } };
    const signed = await signProof(privateKey, { ...proof, features: ["ab", "c"] });
    expect(await verifyProof(publicKey, signed, { ...proof, features: ["ab", "c"] })).toBe(true);
    expect(await verifyProof(publicKey, signed, { ...proof, features: ["a", "bc"] })).toBe(false);
    expect(await verifyEnrolment(publicKey, signed, code)).toBe(false);
  });

  test("garbage keys and signatures prove nothing and throw nothing", async () => {
    const code = { origin: "o", code: "c" };
    const signature = await signEnrolment(privateKey, code);
    for (const key of ["", "AAAA", "!".repeat(43), toBase64Url(new Uint8Array(32).fill(0xff))]) {
      expect(await verifyEnrolment(key, signature, code)).toBe(false);
    }
    for (const wrong of ["", "AAAA", "*".repeat(86), toBase64Url(new Uint8Array(64).fill(0xff)), `${signature}=`]) {
      expect(await verifyEnrolment(publicKey, wrong, code)).toBe(false);
    }
  });

  test("base64url is canonical both ways", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        const text = toBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromBase64Url(text)).toEqual(bytes);
      }),
    );
    expect(["AB", "A", "AA=", "A+", "A/", "A A"].map(fromBase64Url)).toEqual(Array(6).fill(undefined));
  });
});

test("only auth, revoked and replaced keep an agent from dialling again", () => {
  expect([1000, 1006, 1009, 1012, 4400, 4401, 4403, 4408, 4409].filter((code) => !isRetriedClose(code))).toEqual([
    4401, 4403, 4409,
  ]);
});

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { agentHandshakeStep } from "../../../shared/protocol/agent-handshake.ts";
import { judgeProof } from "../../../shared/protocol/edge-handshake.ts";
import { decodeFrame, encodeFrame, type FrameType } from "../../../shared/protocol/frames.ts";
import {
  challengeSchema,
  encodeHandshake,
  proofSchema,
  sessionLimitsSchema,
  welcomeSchema,
} from "../../../shared/protocol/handshake.ts";
import {
  enrolmentTranscript,
  proofTranscript,
  signEnrolment,
  verifyEnrolment,
} from "../../../shared/protocol/signatures.ts";
import { createEnd } from "../../support/protocol-pair.ts";
import { decodeInPieces } from "../../support/slow-frames.ts";

/** Files written by test/support/make-protocol-vectors.ts, which shares no code with what is tested here. */
function vectors<Schema extends z.ZodType>(name: string, schema: Schema): z.infer<Schema> {
  return schema.parse(JSON.parse(readFileSync(new URL(`../../vectors/protocol/${name}`, import.meta.url), "utf8")));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const named = { name: z.string(), hex: z.string() };

const messageOf = <Schema extends z.ZodType>(schema: Schema) => z.object({ message: schema, hex: z.string() });

describe("frames", () => {
  const frame = z.object({ ...named, type: z.number(), flags: z.number(), streamId: z.number(), payload: z.string() });
  test.each(vectors("frames.json", z.array(frame)))("$name", (vector) => {
    const decoded = decodeFrame(Buffer.from(vector.hex, "hex"));
    expect({ ...decoded, payload: hex(decoded.payload) }).toEqual({
      type: vector.type,
      flags: vector.flags,
      streamId: vector.streamId,
      payload: vector.payload,
    });
    // The vector's type was just found equal to a decoded FrameType.
    const again = encodeFrame(
      vector.type as FrameType,
      vector.streamId,
      Buffer.from(vector.payload, "hex"),
      vector.flags,
    );
    expect(hex(again)).toBe(vector.hex);
  });

  const invalid = z.object({ ...named, error: z.string() });
  test.each(vectors("invalid-frames.json", z.array(invalid)))("$name: $error", (vector) => {
    expect(decodeInPieces([Buffer.from(vector.hex, "hex")])).toEqual({ frames: [], error: vector.error });
  });
});

describe("sessions", () => {
  const { limits, cases } = vectors(
    "invalid-sessions.json",
    z.object({ limits: sessionLimitsSchema, cases: z.array(z.object({ ...named, error: z.string() })) }),
  );
  test.each(cases)("$name: $error", (vector) => {
    const agent = createEnd("agent", limits);
    agent.session.receive(Buffer.from(vector.hex, "hex"));
    expect(agent.wire.closed).toEqual({ code: 4400, reason: vector.error });
  });
});

describe("handshake", () => {
  const vector = vectors(
    "handshake.json",
    z.object({
      seed: z.string(),
      publicKey: z.string(),
      origin: z.string(),
      challenge: messageOf(challengeSchema),
      proof: messageOf(proofSchema).extend({ transcript: z.string() }),
      welcome: messageOf(welcomeSchema),
      enrolment: z.object({ code: z.string(), transcript: z.string(), signature: z.string() }),
    }),
  );
  const { origin, publicKey, challenge, proof, welcome, enrolment } = vector;
  const { nonce } = challenge.message;
  const { agentId, protocol, features, agentVersion } = proof.message;
  const privateKey = crypto.subtle.importKey(
    "pkcs8",
    Buffer.from(`302e020100300506032b657004220420${vector.seed}`, "hex"),
    "Ed25519",
    false,
    ["sign"],
  );

  test("messages are the frames they should be", () => {
    for (const { message: decoded, hex: bytes } of [challenge, proof, welcome]) {
      expect(hex(encodeHandshake(decoded))).toBe(bytes);
    }
  });

  test("the agent answers the challenge with exactly these bytes", async () => {
    expect(hex(await proofTranscript({ origin, agentId, nonce, protocol, features }))).toBe(proof.transcript);
    const claims = { agentId, origin, privateKey: await privateKey, features, agentVersion };
    const step = await agentHandshakeStep("expect_challenge", Buffer.from(challenge.hex, "hex"), claims);
    expect(step.kind === "proof" && hex(step.bytes)).toBe(proof.hex);
    const last = await agentHandshakeStep("expect_welcome", Buffer.from(welcome.hex, "hex"), claims);
    expect(last).toEqual({ kind: "welcome", welcome: welcome.message });
  });

  test("the edge accepts them", async () => {
    const state = { phase: "challenged" as const, agentId, origin, nonce, startedAtMs: 0 };
    const verdict = await judgeProof(state, Buffer.from(proof.hex, "hex"), { publicKey, nowMs: 1 });
    expect(verdict).toEqual({ ok: true, protocol: 1, proof: proof.message });
  });

  test("enrolment signs exactly these bytes", async () => {
    const claims = { origin, code: enrolment.code };
    expect(hex(enrolmentTranscript(claims))).toBe(enrolment.transcript);
    expect(await signEnrolment(await privateKey, claims)).toBe(enrolment.signature);
    expect(await verifyEnrolment(publicKey, enrolment.signature, claims)).toBe(true);
  });
});

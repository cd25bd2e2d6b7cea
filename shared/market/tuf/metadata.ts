import { z } from "zod";
import { PorchlightError } from "../../errors.ts";
import { isDeeperThan } from "../../api/json-depth.ts";
import { TUF_LIMITS } from "./limits.ts";

/**
 * Metadata of The Update Framework, specification 1.0 (theupdateframework.github.io/specification), with Ed25519. What is signed may
 * have members that are not known here: they are covered by the signature and passed over.
 */
const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const version = z.int().min(1);
const keyIds = z.array(hex(32)).max(TUF_LIMITS.signatures);

export const keySchema = z.looseObject({
  keytype: z.literal("ed25519"),
  scheme: z.literal("ed25519"),
  keyval: z.looseObject({ public: hex(32) }),
});
export type TufKey = z.infer<typeof keySchema>;

const roleSchema = z.looseObject({ keyids: keyIds, threshold: z.int().min(1) });
const common = {
  spec_version: z.string().regex(/^1\.\d{1,3}(?:\.\d{1,3})?$/),
  version,
  expires: z.iso.datetime(),
};
const fileSchema = z.looseObject({
  version,
  length: z.int().min(0).optional(),
  hashes: z.looseObject({ sha256: hex(32) }).optional(),
});
export type MetaFile = z.infer<typeof fileSchema>;

export const rootSchema = z.looseObject({
  ...common,
  _type: z.literal("root"),
  consistent_snapshot: z.literal(true),
  keys: z.record(hex(32), keySchema),
  roles: z.looseObject({ root: roleSchema, timestamp: roleSchema, snapshot: roleSchema, targets: roleSchema }),
});
export const timestampSchema = z.looseObject({
  ...common,
  _type: z.literal("timestamp"),
  meta: z.looseObject({ "snapshot.json": fileSchema }),
});
export const snapshotSchema = z.looseObject({
  ...common,
  _type: z.literal("snapshot"),
  meta: z.record(z.string().max(128), fileSchema),
});
const targetSchema = z.looseObject({
  length: z.int().min(0),
  hashes: z.looseObject({ sha256: hex(32) }),
  custom: z.record(z.string(), z.unknown()).optional(),
});
export type Target = z.infer<typeof targetSchema>;
const delegatedSchema = z.looseObject({
  ...roleSchema.shape,
  /** Kept under this name: no delegation may stand for one of the four. */
  name: z.string().regex(/^(?!(?:root|timestamp|snapshot|targets)$)[a-z0-9-]{1,64}$/),
  terminating: z.boolean(),
  path_hash_prefixes: z.array(z.string().regex(/^[0-9a-f]{1,64}$/)),
});
export const targetsSchema = z.looseObject({
  ...common,
  _type: z.literal("targets"),
  targets: z.record(z.string().max(512), targetSchema),
  delegations: z
    .looseObject({ keys: z.record(hex(32), keySchema), roles: z.array(delegatedSchema).max(1_024) })
    .optional(),
});

export type Root = z.infer<typeof rootSchema>;
export type Timestamp = z.infer<typeof timestampSchema>;
export type Snapshot = z.infer<typeof snapshotSchema>;
export type Targets = z.infer<typeof targetsSchema>;

const envelopeSchema = z.looseObject({
  signed: z.looseObject({ _type: z.string() }),
  signatures: z.array(z.looseObject({ keyid: hex(32), sig: hex(64) })).max(TUF_LIMITS.signatures),
});

/** Metadata as it was sent: what is signed, exactly, beside what it says. */
export interface Signed<T> {
  signed: T;
  /** As it came, for checking signatures. */
  raw: unknown;
  signatures: { keyid: string; sig: string }[];
}

/** Reads the metadata of a role; its signatures are not checked. Throws `market_unreadable`. */
export function readMetadata<T>(schema: z.ZodType<T>, bytes: Uint8Array): Signed<T> {
  let value: unknown;
  try {
    if (isDeeperThan(bytes, 16)) throw new TypeError("It is nested too deeply.");
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new PorchlightError("market_unreadable", "A file of the market's metadata is not JSON.", { cause });
  }
  const envelope = envelopeSchema.safeParse(value);
  const signed = schema.safeParse(envelope.data?.signed);
  if (!envelope.success || !signed.success) {
    const [issue] = (envelope.error ?? signed.error)?.issues ?? [];
    throw new PorchlightError(
      "market_unreadable",
      `A file of the market's metadata is not what it should be: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trim(),
    );
  }
  return { signed: signed.data, raw: (value as { signed: unknown }).signed, signatures: envelope.data.signatures };
}

import { readFile } from "node:fs/promises";
import {
  ensureNamespace,
  ensurePublisher,
  handIn,
  isRegistered,
  readSignedPackage,
  registerKey,
  untilChecked,
} from "../market/publish.ts";
import type { OwnVersion } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import { type EdgeAccess, edgeAccess } from "./edge-access.ts";
import { printable, say, StatusLine, styled } from "./terminal.ts";
import { PorchlightError } from "../../shared/errors.ts";
import type { PublisherSignature } from "../../shared/plugin/signature.ts";
import type { SigningKey } from "../../shared/protocol/signatures.ts";

export interface PublishFlags {
  data?: string;
  /** The market; absent: the edge that runs here. */
  origin?: string;
  json: boolean;
  official?: boolean;
}

/** Finds the key pair of a public key (base64url) on this machine, if it is here. */
export type FindKey = (publicKey: string) => Promise<{ privateKey: SigningKey; name: string } | undefined>;

/**
 * `porchlight plugin publish FILE`: hands a signed package in at the market, and says what its checks found. The first time it makes a
 * publisher, claims the namespace and registers the key that signed. Returns 1 where the market refused it.
 */
export async function publishPlugin(flags: PublishFlags, path: string, findKey: FindKey): Promise<number> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new CommandError("bad_usage", `${path} cannot be read. Name a package: porchlight plugin pack`, { cause });
  });
  const { namespace, manifest, signature } = await readSignedPackage(bytes);
  const access = await edgeAccess(flags);
  await introduce(access, { namespace, signature, findKey }, flags).catch((error: unknown) => {
    if (!(error instanceof PorchlightError) || error.code !== "forbidden") throw error;
    const hint =
      "What is published first from a machine needs a key with the scope 'admin'; later one with 'publish' will do.";
    throw new PorchlightError("forbidden", `${error.message} ${hint}`, { cause: error });
  });
  const status = new StatusLine();
  const { id } = await handIn(access, new Uint8Array(bytes), flags.official ?? false);
  const version = await untilChecked(access, id, (state) =>
    status.show(`${manifest.name} ${manifest.version}: ${state}`),
  );
  status.clear();
  if (flags.json) process.stdout.write(`${JSON.stringify(version)}\n`);
  else tell(version);
  return version.state === "rejected" ? 1 : 0;
}

const OUTCOMES: Record<string, string> = {
  in_review: "waits for a reviewer",
  quarantined: "is in quarantine until a reviewer has looked",
  rejected: "was rejected",
  published: "is published",
};

function tell({ plugin, version, state, words, findings }: OwnVersion): void {
  const mark = state === "rejected" ? styled("red", "✗") : styled("green", "✓");
  say(`${mark} ${plugin} ${version} ${OUTCOMES[state] ?? `is ${state}`}${words === "" ? "" : `: ${printable(words)}`}`);
  for (const { severity, message, path, line, excerpt } of findings) {
    const place = `${path}${line > 0 ? `:${line}` : ""}`;
    say(`  ${severity.padEnd(8)} ${printable([place, message, excerpt].filter((part) => part !== "").join("  "))}`);
  }
}

interface Introduced {
  namespace: string;
  signature: PublisherSignature;
  findKey: FindKey;
}

/** Makes the publisher, the namespace and the key that signed known to the market, where they are not. */
async function introduce(
  access: EdgeAccess,
  { namespace, signature, findKey }: Introduced,
  flags: PublishFlags,
): Promise<void> {
  const known = await ensurePublisher(access, namespace);
  const publisher = await ensureNamespace(access, known, namespace);
  if (isRegistered(publisher, signature)) return;
  const key = await findKey(signature.publicKey);
  if (key === undefined)
    throw new CommandError("bad_usage", "The market does not know the key that signed, and it is not on this machine.");
  await registerKey(access, { publicKey: signature.publicKey, ...key });
  if (!flags.json) say(`${styled("green", "✓")} Registered the key ${key.name} at ${access.origin}`);
}

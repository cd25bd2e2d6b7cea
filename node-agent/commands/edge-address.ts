import { type BlockList, isIP } from "node:net";
import type { CertificateFiles } from "../edge/front/certificate.ts";
import { isTrusted, parseTrusted } from "../edge/front/visitor.ts";
import { isLoopbackHost } from "../link/addresses.ts";
import { CommandError } from "./command-error.ts";

export interface EdgeAddressFlags {
  port: number;
  host?: string;
  origin?: string;
  cert?: string;
  key?: string;
  trustedProxy?: string;
  httpPort?: number;
}

/** Where an edge listens, and where it is reached. */
export interface EdgeAddress {
  host: string;
  port: number;
  origin: string;
  files?: CertificateFiles;
  /** Where plain http is sent on to https. */
  httpPort?: number;
  /** Whether browsers are told to come by https alone. */
  hsts: boolean;
  trusted?: BlockList;
  onlyTrusted: boolean;
  /** What may not be as it was meant, for people. */
  warnings: string[];
}

const EVERYWHERE = "::";
const LOOPBACK = "127.0.0.1";

/**
 * Puts the flags together, and refuses what would be an open door or could not work: keys and passkeys over plain http from another
 * machine, half a certificate. Throws CommandError `bad_usage`.
 */
export function edgeAddress(flags: EdgeAddressFlags): EdgeAddress {
  const files = certificateFiles(flags);
  const host = flags.host ?? (files ? EVERYWHERE : LOOPBACK);
  const trusted = trustedProxies(flags.trustedProxy);
  const origin = publicOrigin(flags, files !== undefined);
  const open = !files && !isLoopback(host);
  if (open && !trusted) {
    throw usage(
      `Over plain http on ${host} everybody on the way could read keys and prompts. Give --cert and --key, or, behind a reverse proxy ` +
        "that has the certificate, --trusted-proxy with its address: then nobody else may connect.",
    );
  }
  if (flags.httpPort !== undefined && (!files || flags.httpPort === flags.port)) {
    throw usage(
      "--http-port is where plain http is sent on to https: it needs --cert and --key, and a port beside --port.",
    );
  }
  const behindProxy = !files && origin.startsWith("https:");
  const warnings =
    behindProxy && !trusted
      ? [`All visitors look like one here. If the reverse proxy sets X-Forwarded-For: --trusted-proxy ${LOOPBACK}`]
      : [];
  return {
    host,
    port: flags.port,
    origin,
    onlyTrusted: open,
    warnings,
    // On localhost it would bind every other server of this machine.
    hsts: files !== undefined && !isLoopbackHost(new URL(origin).hostname),
    ...(files ? { files } : {}),
    ...(flags.httpPort === undefined ? {} : { httpPort: flags.httpPort }),
    ...(trusted ? { trusted } : {}),
  };
}

function certificateFiles({ cert, key }: EdgeAddressFlags): CertificateFiles | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return { certFile: cert, keyFile: key };
  throw usage("--cert and --key go together: the certificate with its chain, and its private key, both as PEM files.");
}

function trustedProxies(text: string | undefined): BlockList | undefined {
  if (text === undefined) return undefined;
  const trusted = parseTrusted(text);
  if (trusted === undefined) {
    throw usage(
      `--trusted-proxy takes addresses or networks, such as 127.0.0.1 or 10.0.0.0/8,fd00::/8, not "${text.slice(0, 80)}".`,
    );
  }
  if (isTrusted("8.8.8.8", trusted) && isTrusted("1.1.1.1", trusted)) {
    throw usage("--trusted-proxy may not be the whole internet: everybody could claim any address.");
  }
  return trusted;
}

function publicOrigin({ origin, port }: EdgeAddressFlags, hasCertificate: boolean): string {
  if (origin === undefined) {
    if (!hasCertificate) return `http://localhost:${port}`;
    throw usage("Say where people come to: --origin https://HOST. Passkeys and machines are bound to it.");
  }
  const url = URL.parse(origin);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== "/" ||
    url.search + url.hash + url.username !== ""
  ) {
    throw usage(`--origin is an address without a path, such as https://home.example, not "${origin.slice(0, 200)}".`);
  }
  if (url.protocol === "http:" && (hasCertificate || url.hostname !== "localhost")) {
    throw usage(
      "--origin starts with https://: browsers make no passkeys elsewhere (but for http://localhost, without a certificate).",
    );
  }
  return url.origin;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function usage(message: string): CommandError {
  return new CommandError("bad_usage", message);
}

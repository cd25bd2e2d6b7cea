import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { CommandError } from "../../commands/command-error.ts";

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** A key and a chain that fit each other and this moment. */
export interface Certificate {
  /** PEM, the server's own certificate first. */
  cert: string;
  key: string;
  endsAt: Date;
}

/** Reads both files and checks that they can serve `hostname` now. Throws CommandError `bad_certificate` with what is wrong and the way out. */
export async function loadCertificate(
  files: CertificateFiles,
  hostname: string,
  now = new Date(),
): Promise<Certificate> {
  const { certFile, keyFile } = files;
  const [cert, key] = [await read(certFile, "certificate"), await read(keyFile, "key")];
  const leaf = parseCertificate(cert, certFile);
  if (!leaf.checkPrivateKey(parseKey(key, keyFile))) {
    throw bad(
      `The key in ${keyFile} does not belong to the certificate in ${certFile}. Name the two that were made together.`,
    );
  }
  const { validFromDate: startsAt, validToDate: endsAt } = leaf;
  if (endsAt <= now)
    throw bad(`The certificate in ${certFile} ended on ${day(endsAt)}. Renew it (such as by 'certbot renew').`);
  if (startsAt > now) {
    throw bad(
      `The certificate in ${certFile} starts on ${day(startsAt)}. Is this machine's clock right (it says ${now.toISOString()})?`,
    );
  }
  if (!isFor(leaf, hostname)) {
    const names = leaf.subjectAltName?.replaceAll("DNS:", "").replaceAll("IP Address:", "") ?? "no name";
    throw bad(
      `The certificate in ${certFile} is for ${names}, not for ${hostname}, which --origin says people come to.`,
    );
  }
  return { cert, key, endsAt };
}

/** An IPv6 address has brackets in a URL. */
function isFor(leaf: X509Certificate, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  return (isIP(address) === 0 ? leaf.checkHost(hostname) : leaf.checkIP(address)) !== undefined;
}

async function read(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    const why: Record<string, string> = {
      ENOENT: "is not there",
      EACCES: "may not be read by this user",
      EISDIR: "is a folder",
    };
    throw bad(`The ${what} file ${file} ${why[code] ?? `cannot be read (${code})`}.`, cause);
  }
}

function parseCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw bad(`${file} holds no certificate in PEM form ("-----BEGIN CERTIFICATE-----").`, cause);
  }
}

function parseKey(pem: string, file: string): KeyObject {
  if (/ENCRYPTED/.test(pem)) {
    throw bad(`The key in ${file} is encrypted. Write one without a passphrase: openssl pkey -in ${file} -out KEY.pem`);
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw bad(`${file} holds no private key in PEM form ("-----BEGIN PRIVATE KEY-----").`, cause);
  }
}

function bad(message: string, cause?: unknown): CommandError {
  return new CommandError("bad_certificate", message, { cause });
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

import { type Finding, finding } from "../findings.ts";

/** Keys by the form that their issuers gave them so that they can be found. A placeholder such as `sk_live_xxx` does not fit. */
const SECRETS: readonly RegExp[] = [
  /-----BEGIN (?:RSA |EC |OPENSSH |DSA |PGP )?PRIVATE KEY/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{36,}\b/,
  /\bgithub_pat_[A-Za-z0-9_]{60,}\b/,
  /\bglpat-[A-Za-z0-9_-]{20,}\b/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{20,}\b/,
  /\b[rs]k_live_[A-Za-z0-9]{20,}\b/,
  /\bwhsec_[A-Za-z0-9+/]{32,}={0,2}/,
  /\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}\b/,
  /\bAIza[A-Za-z0-9_-]{35}\b/,
  /\bhf_[A-Za-z0-9]{34,}\b/,
  /\bplk_live_[A-Za-z0-9_-]{20,}\b/,
  /\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b/,
];
const SHOWN_CHARACTERS = 12;

/** Keys and passwords that a text gives away, with only their beginnings. */
export function checkSecrets(path: string, text: string): Finding[] {
  return SECRETS.flatMap((pattern) => {
    const match = pattern.exec(text);
    if (match === null || isPlaceholder(match[0])) return [];
    const line = text.slice(0, match.index).split("\n").length;
    return [finding("secret", path, line, `${match[0].slice(0, SHOWN_CHARACTERS)}…`)];
  });
}

/** The same character over and over, as in documentation. */
function isPlaceholder(text: string): boolean {
  return !text.startsWith("-----") && new Set(text.slice(8).toLowerCase()).size < 6;
}

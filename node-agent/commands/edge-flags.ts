import { resolve } from "node:path";
import { count } from "./flag-values.ts";
import { type Flags, given, nonEmpty, optional, port } from "./flags.ts";

/** Flags of `edge`, which a service of it has, too. */
export const EDGE = ["port", "host", "origin", "cert", "key", "trusted-proxy", "http-port", "give-up-after"] as const;

/** Some four minutes of trying, each time a little later: what lasts longer, somebody has to see. */
const EDGE_GIVES_UP_AFTER = 20;

/** The flags of an edge as words again, for a service; files by their full paths, since a service runs elsewhere. */
export function edgeWords(flags: Flags): string[] {
  return EDGE.flatMap((name) => {
    const value = flags[name];
    if (value === undefined) return [];
    return [`--${name}`, name === "cert" || name === "key" ? resolve(value) : value];
  });
}

/** What an edge is started with. Throws `bad_usage`. */
export function edgeFlags(flags: Flags) {
  const { force = false, unattended = false, "dry-run": dryRun = false } = flags;
  return {
    unattended,
    port: port(flags, "port", 8787),
    force,
    dryRun,
    giveUpAfter: count("give-up-after", flags["give-up-after"]) ?? EDGE_GIVES_UP_AFTER,
    ...given(flags, "data", "host", "origin", "cert", "key"),
    ...(flags["http-port"] === undefined ? {} : { httpPort: port(flags, "http-port", 80) }),
    ...optional("trustedProxy", nonEmpty(flags["trusted-proxy"], "--trusted-proxy")),
    ...optional("passphraseFile", nonEmpty(flags["passphrase-file"], "--passphrase-file")),
  };
}

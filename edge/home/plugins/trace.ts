/** Shorter ones would be found everywhere. */
const LEAST_CHARACTERS = 6;
const HIDDEN = "[secret]";

/** What a call said on its way, and the secrets that it read: these are not written down. */
export class Trace {
  readonly logs: string[] = [];
  readonly #secrets = new Set<string>();

  /** A secret was given to the plugin. */
  gave(secret: string | undefined): string | undefined {
    if (secret !== undefined && secret.length >= LEAST_CHARACTERS) this.#secrets.add(secret);
    return secret;
  }

  /** The text without those, as they are or as JSON writes them. What a plugin has bent on purpose is not found. */
  redacted(text: string): string {
    let left = text;
    for (const secret of this.#secrets)
      for (const form of [JSON.stringify(secret).slice(1, -1), secret]) left = left.replaceAll(form, HIDDEN);
    return left;
  }
}

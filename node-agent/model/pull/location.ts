import { PorchlightError } from "../../../shared/errors.ts";
import type { Answer, ByteRange, HttpClient } from "./http.ts";

/** A file's address, with the place its redirects end remembered: a part costs one request, not one and its redirects. */
export class Location {
  readonly #http: HttpClient;
  readonly #url: string;
  #final: string | undefined;

  constructor(http: HttpClient, url: string) {
    this.#http = http;
    this.#url = url;
  }

  async get(init: { range?: ByteRange; signal: AbortSignal }): Promise<Answer> {
    const remembered = this.#final;
    if (remembered !== undefined) {
      try {
        return await this.#http.get(remembered, init);
      } catch (error) {
        // Signed addresses expire: ask the first address for a new one.
        const hasExpired = error instanceof PorchlightError && EXPIRED.has(error.code);
        if (!hasExpired) throw error;
        this.#final = undefined;
      }
    }
    const answer = await this.#http.get(this.#url, init);
    this.#final = answer.url === this.#url ? undefined : answer.url;
    return answer;
  }
}

const EXPIRED: ReadonlySet<string> = new Set(["forbidden", "model_not_found", "model_source_invalid"]);

import { AwsV4Signer } from "aws4fetch";
import type { FetchedResponse, PluginContext } from "../../shared/plugin/index.ts";
import { toHex } from "../../shared/plugin/hex.ts";
import { requiredSecret } from "../shared/json-api.ts";
import { type Listing, problemIn, readListing } from "./xml.ts";

type Host = Pick<PluginContext, "fetch" | "secret">;

/** One request of a plugin holds no more. */
export const MOST_STORED_BYTES = 1_000_000;
export const MOST_READ_BYTES = 1_000_000;
const MOST_KEY_BYTES = 1_024;

/**
 * A bucket behind the S3 API, addressed by path (`endpoint/bucket/key`), as AWS, R2, MinIO and Garage all take it. Requests are signed by
 * Signature Version 4. Methods throw Error in words for people.
 */
export class Bucket {
  readonly #fetch: NonNullable<Host["fetch"]>;
  readonly #base: string;
  readonly #keys: { accessKeyId: string; secretAccessKey: string; region: string };

  constructor(
    fetch: Host["fetch"],
    base: string,
    keys: { accessKeyId: string; secretAccessKey: string; region: string },
  ) {
    if (fetch === undefined)
      throw new Error("Reaching the store was not allowed. The user can allow it in the plugin's settings.");
    [this.#fetch, this.#base, this.#keys] = [fetch, base, keys];
  }

  static async open({ fetch, secret }: Host): Promise<Bucket> {
    const endpoint = URL.parse(await requiredSecret(secret, "S3_ENDPOINT"));
    if (endpoint?.protocol !== "https:")
      throw new Error("S3_ENDPOINT must be the https address of the store, without the bucket.");
    const bucket = await requiredSecret(secret, "S3_BUCKET");
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/i.test(bucket)) throw new Error("S3_BUCKET is not the name of a bucket.");
    const region = ((await secret?.("S3_REGION")) ?? "").trim();
    return new Bucket(fetch, `${endpoint.origin}${endpoint.pathname.replace(/\/$/, "")}/${bucket}`, {
      accessKeyId: await requiredSecret(secret, "S3_ACCESS_KEY_ID"),
      secretAccessKey: await requiredSecret(secret, "S3_SECRET_ACCESS_KEY"),
      region: region === "" ? "auto" : region,
    });
  }

  async put(key: string, content: Uint8Array<ArrayBuffer>, type: string): Promise<void> {
    if (content.length > MOST_STORED_BYTES)
      throw new RangeError(`That has ${content.length} bytes: a plugin stores ${MOST_STORED_BYTES} at most.`);
    await this.#send("PUT", pathOf(key), { content, headers: { "content-type": type } });
  }

  /** The first bytes of an object, and whether there are more. */
  async get(key: string): Promise<{ content: Uint8Array; type: string; isMore: boolean }> {
    const headers = { range: `bytes=0-${MOST_READ_BYTES}` };
    const answer = await this.#send("GET", pathOf(key), { headers, missing: `There is no object '${key}'.` });
    // 416: an object without bytes has no first one.
    const content = answer.status === 416 ? new Uint8Array() : answer.body;
    const isMore = content.length > MOST_READ_BYTES;
    return { content: content.slice(0, MOST_READ_BYTES), type: answer.headers["content-type"] ?? "", isMore };
  }

  /** Objects in the order of their keys, from behind `after`. */
  async list(prefix: string, after: string, most: number): Promise<Listing> {
    const query = new URLSearchParams({ "list-type": "2", "max-keys": String(most) });
    if (prefix !== "") query.set("prefix", prefix);
    if (after !== "") query.set("start-after", after);
    const answer = await this.#send("GET", `?${query.toString().replaceAll("+", "%20")}`);
    return readListing(new TextDecoder().decode(answer.body));
  }

  async remove(key: string): Promise<void> {
    await this.#send("DELETE", pathOf(key));
  }

  /** An address at which anybody may read an object for so long. Nothing is asked of the store. */
  async link(key: string, seconds: number): Promise<string> {
    const url = new URL(this.#base + pathOf(key));
    url.searchParams.set("X-Amz-Expires", String(seconds));
    return (await this.#sign("GET", url.href, { isQuery: true })).url.href;
  }

  async #send(
    method: "GET" | "PUT" | "DELETE",
    path: string,
    of: { content?: Uint8Array<ArrayBuffer>; headers?: Record<string, string>; missing?: string } = {},
  ): Promise<FetchedResponse> {
    const { content, headers = {}, missing } = of;
    const sha256 = await crypto.subtle.digest("SHA-256", content ?? new Uint8Array());
    const signed = await this.#sign(method, this.#base + path, {
      headers: { ...headers, "x-amz-content-sha256": toHex(new Uint8Array(sha256)) },
    });
    const init = { method, headers: Object.fromEntries(signed.headers), ...(content && { body: content }) };
    const answer = await this.#fetch(signed.url.href, init);
    if (answer.status < 300 || (answer.status === 416 && method === "GET")) return answer;
    throw new Error(wordsOf(answer, missing));
  }

  async #sign(method: string, url: string, of: { headers?: Record<string, string>; isQuery?: boolean }) {
    const { headers = {}, isQuery = false } = of;
    return await new AwsV4Signer({ method, url, headers, signQuery: isQuery, service: "s3", ...this.#keys }).sign();
  }
}

/** As a part of an address. Throws RangeError for what an address would take for a way up, or no store for a key. */
function pathOf(key: string): string {
  const segments = key.split("/");
  if (key === "" || segments.some((one) => one === "." || one === "..") || key.startsWith("/"))
    throw new RangeError(`'${key}' is no key: it has parts such as '..', or begins with '/'.`);
  if (new TextEncoder().encode(key).length > MOST_KEY_BYTES) throw new RangeError("The key is too long.");
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

function wordsOf({ status, body }: FetchedResponse, missing: string | undefined): string {
  const { code, message } = problemIn(new TextDecoder().decode(body.subarray(0, 20_000)));
  if (code === "NoSuchBucket") return "There is no bucket of the name in S3_BUCKET.";
  if (status === 404) return missing ?? "The store has nothing there. Is S3_ENDPOINT its address?";
  if (code === "AccessDenied") return "The store does not let this key do that.";
  if (status === 401 || status === 403)
    return `The store knows no such key, or it does not fit (${code}). The user can correct it in the plugin's settings.`;
  return `The store answered ${status}: ${message === "" ? code : message}`;
}

import { expect } from "vitest";
import { bearer, request } from "./edge.ts";

/** What the tests read of a response, an event or a conversation. */
export interface Shown {
  id: string;
  status: string;
  output: { type: string; content: { text: string }[] }[];
}
export interface ShownEvent {
  type: string;
  sequence_number: number;
  delta?: string;
  response?: Shown;
}
export interface ShownList {
  data: { id: string; role?: string }[];
  has_more: boolean;
  last_id: string;
}

/** A client of the Responses API without an SDK, whose types would bring Node's: those are tried in the contract tests. */
export class ResponsesClient {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  async send(method: string, path: string, body?: object, init: RequestInit = {}): Promise<Response> {
    const headers = {
      ...bearer(this.#key),
      "content-type": "application/json",
      ...Object.fromEntries(new Headers(init.headers)),
    };
    return await request(`/v1${path}`, { method, ...init, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  }

  /** Its answer, which must be a success. */
  async take<T = Shown>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.send(method, path, body);
    expect(response.status).toBe(200);
    return await response.json();
  }

  async create(body: object): Promise<Shown> {
    return await this.take("POST", "/responses", { model: "starter", ...body });
  }

  async retrieve(id: string): Promise<Shown> {
    return await this.take("GET", `/responses/${id}`);
  }

  async *events(response: Response): AsyncGenerator<ShownEvent> {
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (text + piece).split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) yield JSON.parse(data);
      }
    }
  }

  /** Goes on with a stream. */
  async *goOn(id: string, after: number): AsyncGenerator<ShownEvent> {
    yield* this.events(await this.send("GET", `/responses/${id}?stream=true&starting_after=${after}`));
  }
}

export function textOf({ output }: Shown): string {
  return output.flatMap(({ type, content }) => (type === "message" ? content.map(({ text }) => text) : [])).join("");
}

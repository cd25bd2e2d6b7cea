import { z } from "zod";

export const importedSchema = z.object({
  sessions: z.array(z.object({ state: z.string(), id: z.string().nullable() })),
});
export const turnsSchema = z.object({ turns: z.array(z.object({ index: z.number() })).min(1) });

/** An edge, asked over HTTP with a key. */
export class Site {
  readonly #origin: string;
  readonly #key: string;

  constructor(origin: string, key: string) {
    this.#origin = origin;
    this.#key = key;
  }

  async call<Schema extends z.ZodType>(schema: Schema, path: string, body?: object): Promise<z.infer<Schema>> {
    const headers = { authorization: `Bearer ${this.#key}`, "content-type": "application/json" };
    const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(this.#origin + path, init);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return schema.parse(await response.json());
  }

  /** Milliseconds of each of so many calls, one after the other. `path` may be another each time. */
  async time(path: (round: number) => string, schema: z.ZodType, rounds: number): Promise<number[]> {
    const samples: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      await this.call(schema, path(round));
      samples.push(performance.now() - start);
    }
    return samples;
  }
}

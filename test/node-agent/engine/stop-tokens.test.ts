import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadRunner } from "../../../node-agent/engine/load-runner.ts";
import { type Answer, ask, createAnswerReader, parseChatMl } from "../../support/engine-events.ts";
import { readReferences, STARTER } from "../../support/engine-starter.ts";
import { temporaryFolder } from "../../support/model-temp.ts";

const reference = (await readReferences()).find(({ eos_at }) => eos_at !== null);

/** Answer of the starter when only `stops` says which tokens end one. */
async function answer(stops: { config?: number; generation?: number[]; tokenizer?: unknown }): Promise<Answer> {
  if (reference === undefined) throw new Error("No reference answer ends by itself.");
  await using folder = await temporaryFolder();
  await cp(STARTER, folder.path, { recursive: true });
  await change(folder.path, "config.json", { eos_token_id: stops.config });
  await change(folder.path, "generation_config.json", { eos_token_id: stops.generation });
  await change(folder.path, "tokenizer_config.json", { eos_token: stops.tokenizer });
  const options = {
    folder: folder.path,
    quantization: "int4",
    cacheDir: join(folder.path, "cache"),
    slots: 1,
  } as const;
  const runner = await loadRunner(options, () => {});
  try {
    return await new Promise((resolve) => {
      const reader = createAnswerReader();
      runner.start(ask(parseChatMl(reference.prompt), { maxTokens: 40 }), (event) => {
        reader.push(event);
        if (reader.isDone()) resolve(reader.answer);
      });
    });
  } finally {
    await runner.stop();
  }
}

async function change(folder: string, name: string, fields: object): Promise<void> {
  const json: unknown = JSON.parse(await readFile(join(folder, name), "utf8"));
  await writeFile(join(folder, name), JSON.stringify(Object.assign(json ?? {}, fields)));
}

test.each([
  ["config.json", { config: 4091 }],
  ["generation_config.json", { generation: [4091] }],
  ["tokenizer_config.json", { tokenizer: "<|im_end|>" }],
  ["tokenizer_config.json, written at length", { tokenizer: { content: "<|im_end|>", special: true } }],
])("the end that %s names ends an answer", async (_, stops) => {
  expect((await answer(stops)).finish).toBe("stop");
});

test.each([
  ["nowhere", {}],
  ["by a token that the vocabulary lacks", { tokenizer: "<|no such token|>" }],
])("an end that is named %s ends none", async (_, stops) => {
  expect((await answer(stops)).finish).toBe("length");
});

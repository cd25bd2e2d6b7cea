import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { z } from "zod";
import { GrammarAutomaton } from "../../node-agent/engine/grammar/automaton.ts";
import { jsonSchemaGrammar } from "../../node-agent/engine/grammar/json/schema.ts";
import { loadRunner } from "../../node-agent/engine/load-runner.ts";
import { createRandom } from "../../node-agent/engine/random.ts";
import type { Runner } from "../../node-agent/engine/runner.ts";
import { PorchlightError } from "../../shared/errors.ts";
import { STARTER } from "../support/engine-starter.ts";
import { randomSchema } from "../support/random-schema.ts";

/**
 * Answers of the starter model held to random JSON Schemas, and to those of a copy of the JSON Schema test suite, each checked
 * by an independent validator. Of the suite it also checks that no text which the suite calls invalid is let through.
 *
 *   node test/campaign/structured.ts [--schemas 500] [--seed 1] [--suite FOLDER] [--tokens 400]
 */
const { values: options } = parseArgs({
  options: {
    schemas: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    tokens: { type: "string", default: "400" },
    suite: { type: "string" },
  },
});

const suiteSchema = z.array(
  z.object({
    description: z.string(),
    schema: z.union([z.boolean(), z.record(z.string(), z.unknown())]),
    tests: z.array(z.object({ description: z.string(), data: z.unknown(), valid: z.boolean() })),
  }),
);
type Schema = z.infer<typeof suiteSchema>[number]["schema"];

const ajvOptions = { strict: false, validateFormats: false, validateSchema: false, logger: false } as const;
/** The newest draft for what is written here; the suite's older ones have lists in `items`. */
const validators = { newest: new Ajv2020(ajvOptions), older: new Ajv(ajvOptions) };
/** The starter's end of turn. */
const STOP_TOKEN = "4091";

interface Outcome {
  reason: string;
  text: string;
}

async function answer(runner: Runner, schema: Schema, temperature: number, seed: number): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let text = "";
  runner.start(
    {
      model: "starter",
      messages: [{ role: "user", content: "Give me an example as JSON." }],
      responseFormat: { type: "json_schema", schema },
      maxTokens: Number(options.tokens),
      sampling: { temperature, seed },
      // Every other answer is nudged to end as soon as it may.
      ...(seed % 2 === 0 ? { logitBias: { [STOP_TOKEN]: 50 } } : {}),
    },
    (event) => {
      if (event.type === "text") text += event.text;
      else if (event.type === "finish") resolve({ reason: event.reason, text });
      else if (event.type === "error") resolve({ reason: "error", text: event.error.message });
    },
  );
  return promise;
}

function isValid(schema: Schema, text: string): boolean {
  if (typeof schema === "boolean") return schema;
  const { $schema: _, ...rest } = schema;
  const validator = JSON.stringify(schema).includes('"items":[') ? validators.older : validators.newest;
  return validator.validate(rest, JSON.parse(text));
}

async function runSchemas(runner: Runner, name: string, schemas: readonly Schema[]): Promise<number> {
  const counts = { stop: 0, length: 0, refused: 0, invalid: 0 };
  let tokens = 0;
  const refusals = new Map<string, number>();
  const jobs = schemas.flatMap((schema, i) => [0, 1].map((temperature) => ({ schema, temperature, seed: i })));
  const startMs = performance.now();
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const { reason, text } = await answer(runner, job.schema, job.temperature, job.seed);
      tokens += text.length;
      if (reason === "length") counts.length++;
      else if (reason === "error") {
        counts.refused++;
        refusals.set(text, (refusals.get(text) ?? 0) + 1);
      } else if (isValid(job.schema, text)) counts.stop++;
      else {
        counts.invalid++;
        process.stdout.write(`INVALID ${JSON.stringify(job)} gave ${text}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
  process.stdout.write(
    `${name}: ${schemas.length} schemas, greedy and sampled: ${counts.stop} answers ended and valid, ${counts.invalid} invalid, ` +
      `${counts.length} cut by length, ${counts.refused} refused by name; ${tokens} characters in ${seconds} s\n`,
  );
  for (const [message, count] of [...refusals].toSorted((a, b) => b[1] - a[1])) {
    process.stdout.write(`  ${count} x ${message}\n`);
  }
  return counts.invalid;
}

/** Texts of the suite: those that it calls invalid must not pass; of the valid ones, how many do is told. */
function checkSuite(cases: z.infer<typeof suiteSchema>): number {
  let [wrong, rejected, accepted, valid, refused] = [0, 0, 0, 0, 0];
  for (const { schema, tests, description } of cases) {
    let automaton: GrammarAutomaton;
    try {
      automaton = new GrammarAutomaton(jsonSchemaGrammar(schema));
    } catch (error) {
      if (!(error instanceof PorchlightError)) throw error;
      refused++;
      continue;
    }
    for (const test of tests) {
      const bytes = new TextEncoder().encode(JSON.stringify(test.data));
      const accepts = automaton.nextAll(automaton.start, bytes)?.accepts ?? false;
      if (test.valid) valid++;
      if (test.valid && accepts) accepted++;
      if (!test.valid && !accepts) rejected++;
      if (!test.valid && accepts) {
        wrong++;
        process.stdout.write(`WRONG ${description} / ${test.description}: ${JSON.stringify(test.data)}\n`);
      }
    }
  }
  process.stdout.write(
    `test suite: ${cases.length} schemas, ${refused} refused by name; of the others' texts ${rejected} invalid ones rejected, ${wrong} let ` +
      `through; ${accepted} of ${valid} valid ones in the form that is written here\n`,
  );
  return wrong;
}

async function readSuite(folder: string): Promise<z.infer<typeof suiteSchema>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return files.flatMap((file) => suiteSchema.parse(JSON.parse(file)));
}

const cacheDir = await mkdtemp(join(tmpdir(), "porchlight-structured-"));
const suite = options.suite === undefined ? [] : await readSuite(options.suite);
let failures = suite.length === 0 ? 0 : checkSuite(suite);
const runner = await loadRunner({ folder: STARTER, quantization: "fp32", cacheDir, slots: 8, threads: 1 }, () => {});
try {
  const random = createRandom(Number(options.seed));
  const schemas = Array.from({ length: Number(options.schemas) }, () => randomSchema(random));
  failures += await runSchemas(runner, "random schemas", schemas);
  if (suite.length > 0)
    failures += await runSchemas(
      runner,
      "the suite's schemas",
      suite.map(({ schema }) => schema),
    );
} finally {
  await runner.stop();
  await rm(cacheDir, { recursive: true });
}
process.exitCode = failures === 0 ? 0 : 1;

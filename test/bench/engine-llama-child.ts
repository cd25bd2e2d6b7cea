import { getLlama, type LlamaContextSequence, LlamaLogLevel, type Token } from "node-llama-cpp";
import { CONTEXT, readMemory, type Result, SLOTS, serve, type Task, timed } from "./engine-job.ts";

/** llama.cpp in a process of its own, with its settings for this machine but for the number of threads, which is ours. */
const sequences: LlamaContextSequence[] = [];

serve(async (task: Task): Promise<Result> => {
  const started = performance.now();
  if (task.kind === "memory") return { ms: 0, ...(await readMemory()) };
  if (task.kind === "edit") throw new Error("llama.cpp is not asked to copy.");
  if (task.kind === "answer") {
    const answers = task.prompts.map((prompt, i) => answer(sequences[i], prompt, task.tokens));
    return timed(started, await Promise.all(answers));
  }
  const { threads } = task;
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: threads });
  const model = await llama.loadModel({ modelPath: task.model });
  const context = await model.createContext({
    sequences: SLOTS,
    contextSize: CONTEXT,
    threads: { ideal: threads, min: threads },
  });
  for (let i = 0; i < SLOTS; i++) sequences.push(context.getSequence());
  return { ms: performance.now() - started };
});

/** One answer of a batch. Each step of all is handed over in one turn of the event loop, so that the library puts them into one batch. */
async function answer(sequence: LlamaContextSequence | undefined, prompt: readonly number[], count: number) {
  if (sequence === undefined) throw new Error("Nothing is loaded.");
  const [tokens, times]: [number[], number[]] = [[], []];
  // The library brands its token ids.
  const wanted = prompt.map((token) => token as Token);
  // What the sequence already holds of the prompt stays, as in a conversation's second turn; the last token is always computed.
  await sequence.adaptStateToTokens(wanted.slice(0, -1), false);
  let rest = wanted.slice(sequence.nextTokenIndex);
  while (tokens.length < count) {
    const generateNext = { token: true, options: { temperature: 0 } };
    const last = rest.at(-1) ?? wanted[0];
    if (last === undefined) throw new Error("The prompt is empty.");
    const outputs = await sequence.controlledEvaluate([...rest.slice(0, -1), [last, { generateNext }]]);
    const token = outputs.at(-1)?.next.token;
    if (token == null) throw new Error("llama.cpp chose no token.");
    tokens.push(token);
    times.push(performance.now());
    rest = [token];
  }
  return { tokens, times };
}

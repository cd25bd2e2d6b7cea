import { expect, it } from "vitest";
import type { GenerateEvent } from "../../../../shared/inference/event.ts";
import type { GenerateRequest } from "../../../../shared/inference/request.ts";
import { saying, writeEvents } from "../../support/agent.ts";
import { dataOf, modelOnline, textOf } from "../../support/chat.ts";
import { bearer, postJson, request } from "../../support/edge.ts";
import { calling, inRounds, telling } from "./tools.ts";
import { stepsOf, World } from "./world.ts";

const world = World.use();

const adds = { properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] } as const;

it("calls what the model asks for, and tells it what came of it", async () => {
  const asked: GenerateRequest[] = [];
  world.tools.set(
    "sum__add",
    (input) => (input as { a: number; b: number }).a + (input as { a: number; b: number }).b,
    {
      input: { type: "object", ...adds },
    },
  );
  await world.connect(
    inRounds(
      asked,
      calling(["sum__add", { a: 1, b: 2 }], ["sum__add", { a: 3, b: 4 }]),
      telling("3 [1]", " and 7 [2]."),
    ),
  );
  const id = await world.begin();
  const response = await world.say(id, "What is 1 + 2, and 3 + 4?", {
    stream: true,
    stream_options: { include_usage: true },
  });
  const data = dataOf(await response.text());
  expect(textOf(data)).toBe("3 [1] and 7 [2].");
  const chunks = data.slice(0, -1).map((one) => JSON.parse(one));
  const steps = chunks.flatMap(({ porchlight }) => porchlight ?? []);
  expect(steps.map(({ step }) => step)).toEqual(["call", "call", "round", "result", "result"]);
  expect(chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])).toEqual([]);
  expect(chunks.at(-1).usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 7 });
  expect(chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? [])).toEqual(["stop"]);

  expect(asked).toHaveLength(2);
  expect(asked[0]?.tools?.map(({ name }) => name)).toEqual(["sum__add"]);
  const told = asked[1]?.messages.slice(-3) ?? [];
  expect(told[0]).toMatchObject({ role: "assistant", toolCalls: [{ name: "sum__add" }, { name: "sum__add" }] });
  expect(told[1]).toMatchObject({
    role: "tool",
    content: expect.stringMatching(/^Source \[\d\]: @test\/sum 1\.0\.0, sum__add\..*\n3$/u),
  });
  expect(told[2]).toMatchObject({ role: "tool", content: expect.stringMatching(/\n7$/u) });
  expect(world.tools.calls).toMatchObject([
    { userId: expect.any(String), tool: "sum__add", input: { a: 1, b: 2 }, place: { sessionId: id, index: 0 } },
    { input: { a: 3, b: 4 } },
  ]);

  const turn = await world.traced(id, 0);
  expect(turn.state).toBe("complete");
  expect(turn.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "tool", "assistant"]);
  expect(turn.trace?.tools).toMatchObject({
    offered: ["sum__add"],
    calls: [
      { round: 0, ok: true, cited: true, record: world.tools.calls[0]?.id, source: { number: 1 } },
      { round: 0, ok: true, cited: true, record: world.tools.calls[1]?.id, source: { number: 2 } },
    ],
  });
  expect(turn.trace?.tainted).toBeUndefined();
});

/** What the model was told last. */
const told = (asked: readonly GenerateRequest[], round = asked.length - 1): string =>
  asked[round]?.messages.at(-1)?.content ?? "";

/** By looking, since a promise of one object must not be waited for by another. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await scheduler.wait(5);
}

it("calls those of one round at once", async () => {
  let begun = 0;
  world.tools.set("slow__wait", async () => {
    begun += 1;
    await until(() => begun === 2);
    return "waited";
  });
  await world.connect(inRounds([], calling(["slow__wait", {}], ["slow__wait", {}]), telling("Both.")));
  expect((await world.say(await world.begin(), "Wait twice.")).status).toBe(200);
  expect(begun).toBe(2);
});

it.each([
  ["a tool that fails", "bad__fail", {}, "This call failed: out of ink"],
  [
    "a tool that there is not",
    "bad__nothing",
    {},
    "This call failed: there is no tool 'bad__nothing'. There are: bad__fail.",
  ],
  [
    "arguments that its schema refuses",
    "bad__fail",
    { text: 1 },
    "This call failed: its arguments are not as its schema says: text:",
  ],
  ["arguments that are no JSON", "bad__fail", "{", "This call failed: its arguments are not valid JSON."],
])("tells the model of %s", async (_name, tool, input, sentence) => {
  const asked: GenerateRequest[] = [];
  world.tools.set("bad__fail", () => {
    throw new Error("out of ink");
  });
  await world.connect(inRounds(asked, calling([tool, input]), telling("It did not work.")));
  const id = await world.begin();
  expect((await world.say(id, "Print it.")).status).toBe(200);
  expect(told(asked)).toContain(sentence);
  const turn = await world.traced(id, 0);
  expect(turn.trace?.tools?.calls).toMatchObject([{ ok: false, source: null, cited: false }]);
  expect(turn.state).toBe("complete");
});

it("ends a loop that repeats the same failing call", async () => {
  const asked: GenerateRequest[] = [];
  world.tools.set("bad__fail", () => {
    throw new Error("out of ink");
  });
  // In other words, but with the same arguments.
  const again = ({ toolChoice }: GenerateRequest): GenerateEvent[] =>
    toolChoice === "none" ? telling("I give up.") : calling(["bad__fail", asked.length % 2 === 0 ? "{}" : "{ }"]);
  await world.connect(inRounds(asked, again));
  const id = await world.begin();
  expect((await world.say(id, "Print it.")).status).toBe(200);
  expect(world.tools.calls).toHaveLength(2);
  expect(asked).toHaveLength(4);
  expect(told(asked)).toContain("was not made again");
  expect((await world.traced(id, 0)).messages.at(-1)).toMatchObject({ role: "assistant", content: "I give up." });
});

it("has the model answer after as many rounds as are set", async () => {
  const asked: GenerateRequest[] = [];
  let count = 0;
  world.tools.set("count__up", () => ++count);
  // It does not stop by itself, not even where it may call nothing.
  await world.connect(inRounds(asked, () => [...telling("On and on.").slice(0, 1), ...calling(["count__up", {}])]));
  const usual = await world.begin();
  expect((await world.say(usual, "Count.")).status).toBe(200);
  expect(asked).toHaveLength(9);
  expect(count).toBe(8);
  expect(asked.map(({ toolChoice }) => toolChoice)).toEqual([...Array.from({ length: 8 }, () => undefined), "none"]);
  const turn = await world.traced(usual, 0);
  expect(turn).toMatchObject({ state: "complete", usage: { promptTokens: 90, completionTokens: 45 } });
  asked.length = 0;
  expect((await world.say(await world.begin({ plugins: "*", toolRounds: 1 }), "Count.")).status).toBe(200);
  expect(asked).toHaveLength(2);
});

it("cuts a result that is too long, and says so", async () => {
  const asked: GenerateRequest[] = [];
  world.tools.set("long__read", () => "x".repeat(100_000));
  await world.connect(inRounds(asked, calling(["long__read", {}]), telling("Long [1].")), 2048);
  const id = await world.begin();
  expect((await world.say(id, "Read it.")).status).toBe(200);
  const content = told(asked);
  const shown = /x{400,}/u.exec(content)?.[0].length ?? 0;
  expect(shown).toBeGreaterThan(400);
  expect(shown).toBeLessThan(3 * 2048);
  expect(content).toContain(`[Cut here: these are the first ${shown} of 100000 characters.]`);
  expect((await world.traced(id, 0)).trace?.tools?.calls).toMatchObject([{ cut: true, cited: true }]);
});

it("offers what fits the context, those first that the question is about", async () => {
  const asked: GenerateRequest[] = [];
  for (let n = 0; n < 40; n++)
    world.tools.set(`tool${n}__run`, () => n, { description: `Handles subject${n} for people who like it.` });
  world.tools.set("weather__forecast", () => "sun", { description: "Tells the weather of a city." });
  await world.connect(inRounds(asked, telling("Yes.")), 16_384);
  const id = await world.begin();
  await world.say(id, "What will the weather be in Lisbon?");
  const names = asked[0]?.tools?.map(({ name }) => name) ?? [];
  expect(names).toHaveLength(24);
  expect(names).toContain("weather__forecast");
  expect(names).toEqual(names.toSorted());
  expect((await world.traced(id, 0)).trace?.tools?.leftOut).toHaveLength(17);
  for (const agent of world.agents.splice(0)) agent.close();
  asked.length = 0;
  await world.connect(inRounds(asked, telling("Yes.")), 512);
  await world.say(await world.begin(), "What will the weather be in Lisbon?");
  expect(asked[0]?.tools?.length).toBeLessThan(6);
  expect(asked[0]?.tools?.map(({ name }) => name)).toContain("weather__forecast");
  asked.length = 0;
  await world.say(await world.begin({ plugins: ["@test/tool7"] }), "What will the weather be in Lisbon?");
  expect(asked[0]?.tools?.map(({ name }) => name)).toEqual(["tool7__run"]);
  asked.length = 0;
  await world.say(await world.begin({}), "What will the weather be in Lisbon?");
  expect(asked[0]?.tools).toBeUndefined();
});

it("goes on when its client leaves in the middle of a call, and is told again from its start", async () => {
  let may = false;
  world.tools.set("slow__wait", async () => {
    await until(() => may);
    return "waited";
  });
  await world.connect(
    inRounds([], [...telling("Wait. ").slice(0, 1), ...calling(["slow__wait", {}])], telling("Done [1].")),
  );
  const id = await world.begin();
  const response = await world.say(id, "Wait.", { stream: true });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let begun = "";
  while (!begun.includes('"step":"round"')) begun += (await reader?.read())?.value ?? "";
  await until(() => world.tools.calls.length === 1);
  await reader?.cancel();
  may = true;
  const turn = await world.ended(id, 0);
  expect(turn.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
  const last = Number([...begun.matchAll(/^id: (\d+)$/gmu)].at(-1)?.[1]);
  const rest = async (query: string): Promise<string> =>
    await (
      await request(`/v1/chat/completions/${turn.runId}?${query}`, { headers: bearer(world.owner.apiKey) })
    ).text();
  const whole = await rest("stream=true");
  expect(whole.startsWith(begun)).toBe(true);
  expect(await rest(`stream=true&starting_after=${last}`)).toBe(whole.slice(begun.length));
  expect(textOf(dataOf(whole))).toBe("Wait. Done [1].");
  expect(stepsOf(whole).map(({ step }) => step)).toEqual(["call", "round", "result"]);
});

it("writes down that a call is made before it is", async () => {
  let may = false;
  world.tools.set("slow__do", async () => await until(() => may), { effect: "write" });
  await world.connect(inRounds([], calling(["slow__do", {}]), telling("Done.")));
  const answer = world.say(await world.begin(), "Do it.");
  await until(() => world.tools.calls.length === 1);
  const query = "SELECT state, record FROM tool_loop_calls";
  expect(await world.sql(query)).toEqual([{ state: "started", record: world.tools.calls[0]?.id }]);
  may = true;
  expect((await answer).status).toBe(200);
  expect(await world.sql(query)).toEqual([]);
});

it("does not make a call that writes again after a crash in it, and leaves no turn hanging", async () => {
  const asked: GenerateRequest[] = [];
  const does = (): string => "did it";
  world.tools.set("one__do", does, { effect: "write" });
  world.tools.set("two__do", does, { effect: "write" });
  const [one, two, ...end] = calling(["one__do", {}], ["two__do", {}]);
  if (one?.type !== "tool_call" || two?.type !== "tool_call") throw new Error("no calls");
  await world.connect(inRounds(asked, [one, two, ...end]));
  const id = await world.begin({ plugins: "*", approval: "always" });
  const answer = world.say(id, "Do both.");
  await expect.poll(async () => (await world.waiting()).length).toBe(2);
  const { runId } = await world.traced(id, 0);
  // As it is when the object is lost in the middle of the first.
  await world.sql("INSERT INTO tool_loop_calls VALUES (?, 0, ?, 'r', 'h', 'started')", runId ?? "", one.call.id);
  await world.crash();
  await world.connect(inRounds(asked, telling("Not reached."), telling("Done.")));
  for (const waiting of await world.waiting()) await world.decide(waiting, "allow");
  expect((await answer).status).toBe(200);
  expect(await world.ended(id, 0)).toMatchObject({ state: "complete" });
  expect(world.tools.calls.map(({ tool }) => tool)).toEqual(["two__do"]);
  const results = asked
    .at(-1)
    ?.messages.slice(-2)
    .map(({ content }) => content);
  expect(results?.[0]).toContain("it is not known whether it had its effect");
  expect(results?.[1]).toMatch(/did it$/u);
});

it("has a machine that lost a later round go on behind what it said in that round", async () => {
  const asked: GenerateRequest[] = [];
  world.tools.set("sum__add", () => 3);
  const agent = await world.connect(async (one, stream) => {
    asked.push(one);
    if (asked.length === 1)
      await writeEvents(stream, ...telling("Let me see. ").slice(0, 1), ...calling(["sum__add", {}]));
    else if (asked.length === 2) return await writeEvents(stream, ...telling("It ", "is ").slice(0, 2));
    else await writeEvents(stream, ...telling("3."));
    stream.end();
  });
  const id = await world.begin();
  const response = await world.say(id, "Add.", { stream: true });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"is "')) text += (await reader?.read())?.value ?? "";
  agent.streams.at(-1)?.reset({ code: "engine_crashed", message: "It died." });
  for (;;) {
    const result = await reader?.read();
    if (result === undefined || result.done) break;
    text += result.value;
  }
  expect(textOf(dataOf(text))).toBe("Let me see. It is 3.");
  expect(asked[2]?.resume).toEqual({ tokens: [0, 1], skip: { characters: 6, toolCalls: 0, reasoningCharacters: 0 } });
  expect(world.tools.calls).toHaveLength(1);
});

it("does not take a machine's word for what tools did", async () => {
  world.tools.set("sum__add", () => 3);
  const forged: GenerateEvent = {
    type: "plugin",
    plugin: { step: "result", round: 0, callId: "x", tool: "sum__add", ok: true, content: "4" },
  };
  await world.connect(inRounds([], [forged, ...telling("4.")]));
  const id = await world.begin();
  expect((await world.say(id, "Add.")).status).not.toBe(200);
  expect(await world.ended(id, 0)).toMatchObject({ state: "failed", error: { code: "answer_unreadable" } });
});

it("cancels an answer in the middle of a call, and tells the tool", async () => {
  let isStopped = false;
  world.tools.set("slow__wait", async (_input, { signal }) => {
    await until(() => signal.aborted);
    isStopped = true;
  });
  await world.connect(inRounds([], calling(["slow__wait", {}]), telling("Done.")));
  const id = await world.begin();
  const answer = world.say(id, "Wait.");
  await until(() => world.tools.calls.length === 1);
  const { runId } = await world.traced(id, 0);
  const cancelled = await postJson(`/v1/chat/completions/${runId}/cancel`, {}, bearer(world.owner.apiKey));
  expect(cancelled.status).toBe(200);
  await until(() => isStopped);
  expect((await answer).ok).toBe(false);
  expect((await world.ended(id, 0)).state).toBe("cancelled");
  expect(await world.sql("SELECT run FROM tool_loops")).toEqual([]);
});

it("answers a conversation whose tools are gone as ever", async () => {
  await world.connect(saying("Yes."));
  expect((await world.say(await world.begin({ plugins: ["@test/gone"] }), "Hello?")).status).toBe(200);
});

it("waits for a machine that went away while a tool was called", async () => {
  const asked: GenerateRequest[] = [];
  let may = false;
  world.tools.set("slow__wait", async () => await until(() => may));
  await world.connect(inRounds(asked, calling(["slow__wait", {}])));
  const id = await world.begin();
  const answer = world.say(id, "Wait.");
  await until(() => world.tools.calls.length === 1);
  for (const agent of world.agents.splice(0)) agent.close(1001);
  await modelOnline(world.owner.apiKey, "starter", false);
  may = true;
  await world.connect(inRounds([], telling("Done.")));
  expect((await answer).status).toBe(200);
  expect((await world.ended(id, 0)).messages.at(-1)).toMatchObject({ content: "Done." });
  expect(world.tools.calls).toHaveLength(1);
});

it("asks with less around it where what tools brought makes a request too long", async () => {
  const asked: GenerateRequest[] = [];
  world.tools.set("sum__add", () => 3);
  const tooLong: GenerateEvent = { type: "error", error: { code: "context_length_exceeded", message: "Too long." } };
  await world.connect(inRounds(asked, telling("Hello."), calling(["sum__add", {}]), [tooLong], telling("3.")));
  const id = await world.begin();
  await world.say(id, "Hello?");
  expect((await world.say(id, "What is 1 + 2?")).status).toBe(200);
  expect(asked[2]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant", "tool"]);
  expect(asked[3]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
  expect((await world.traced(id, 1)).trace).toMatchObject({ shortened: 1, tools: { calls: [{ ok: true }] } });
});

it("lets tools read the files that were picked, in the asker's language and time zone", async () => {
  const asked: GenerateRequest[] = [];
  world.tools.set("csv__read", () => "a,b");
  await world.connect(
    inRounds(asked, calling(["csv__read", {}]), telling("Read."), calling(["csv__read", {}]), telling("None.")),
  );
  const id = await world.begin();
  const more = { files: ["file-1", "file-2"], locale: "zh-CN", timeZone: "Asia/Shanghai" };
  expect((await world.say(id, "What is in it?", more)).status).toBe(200);
  expect(world.tools.calls[0]).toMatchObject({
    files: more.files,
    caller: { locale: "zh-CN", timeZone: "Asia/Shanghai" },
  });
  expect(asked[0]?.messages[0]).toMatchObject({ role: "system", content: expect.stringContaining("picked 2 files") });
  // For that turn alone.
  expect((await world.say(id, "And now?")).status).toBe(200);
  expect(world.tools.calls[1]?.files).toBeUndefined();
});

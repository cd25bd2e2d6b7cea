import type { PluginStep } from "../../../../shared/inference/event.ts";
import type { PluginUse } from "../../../../shared/inference/plugin-use.ts";
import type { ToolCall } from "../../../../shared/inference/request.ts";
import { canonicalJson } from "../../../../shared/plugin/canonical.ts";
import { CALL_LIMITS } from "../../../../shared/plugin/limits.ts";
import { shownArguments } from "../../../../shared/plugin/shown-arguments.ts";
import { sleep } from "../../../../shared/sleep.ts";
import { mismatch } from "../../../../shared/plugin/tool-list.ts";
import type { OfferedTool, ToolBox, ToolOutcome } from "../tool-box.ts";
import { type Approvals, callHash } from "./approvals.ts";
import { LOOP_LIMITS } from "./limits.ts";
import type { LoopState } from "./loop-state.ts";
import type { LoopTable } from "./loop-table.ts";
import { areOwnAddresses } from "./own-addresses.ts";
import { isSameTool } from "./plan.ts";
import { sourceText } from "./results.ts";

/** What a call of a round stands on. */
export interface CallPorts {
  table: LoopTable;
  approvals: Approvals;
  box: ToolBox;
  say: (steps: readonly PluginStep[]) => void;
}

/** The answer that a call belongs to. */
export interface CallPlace {
  run: string;
  round: number;
  state: LoopState;
  /** Its place among the round's calls. */
  position: number;
  signal: AbortSignal;
}

/** What came of a call. `isRepeat`: it was not made, since it had failed before just like this. */
export type Called =
  | { ok: true; tool: OfferedTool; value: unknown; record: string }
  | { ok: false; code: string; message: string; tool?: OfferedTool; record?: string; isRepeat?: true };

/** Makes one call that the model asked for, once its person has allowed it where that is needed. Never rejects for what a tool does. */
export async function makeCall(call: ToolCall, place: CallPlace, ports: CallPorts): Promise<Called> {
  const { run, round, state, position, signal } = place;
  const { table, box } = ports;
  if (position >= LOOP_LIMITS.callsPerRound) {
    return refused(
      "too_many_calls",
      `only ${LOOP_LIMITS.callsPerRound} calls are made at once. Ask again for this one.`,
    );
  }
  const found = toolOf(call.name, state, box);
  if ("code" in found) return found;
  const { tool, approval, files } = found;
  const read = readArguments(call.arguments, tool);
  if ("code" in read) {
    const hash = await callHash(tool.source, call.arguments.toWellFormed());
    if (table.failures(run, round, hash) >= LOOP_LIMITS.sameFailures) return repeated(tool);
    table.begin(run, round, { id: call.id, record: "", hash });
    table.end(run, round, call.id, "failed");
    return { ...read, tool };
  }
  const hash = await callHash(tool.source, read.canonical);
  if (table.failures(run, round, hash) >= LOOP_LIMITS.sameFailures) return repeated(tool);
  const begun = table.begun(run, round, call.id);
  if (begun !== undefined && tool.effect === "write") {
    const sentence =
      "the edge was interrupted while it was made, so it is not known whether it had its effect. It is not made again by itself: look first.";
    return { ...refused("interrupted", sentence), tool, record: begun.record };
  }
  if (needsWord({ tool, approval, input: read.input }, place, table)) {
    const denied = await ask({ call, hash, canonical: read.canonical, tool }, place, ports);
    if (denied !== undefined) return { ...denied, tool };
    // What was installed may be another while the person thought about it.
    const now = toolOf(call.name, state, box);
    if ("code" in now) return now;
  }
  if (signal.aborted) return { ...refused("cancelled", "the answer was stopped."), tool };
  let record: string;
  let outcome: ToolOutcome;
  for (let tries = 0; ; tries++) {
    record = crypto.randomUUID();
    table.begin(run, round, { id: call.id, record, hash });
    outcome = await within(box, { id: record, tool, input: read.input, files, place });
    // The object has started anew, and the machine that runs it is about to be back: nothing was run.
    const waitMs = begun === undefined || !isNobodyThere(outcome) ? undefined : LOOP_LIMITS.machineBackMs[tries];
    if (waitMs === undefined || signal.aborted) break;
    await sleep(waitMs, signal);
  }
  table.end(run, round, call.id, outcome.ok ? "done" : "failed");
  if (outcome.ok) return { ok: true, tool, value: outcome.value, record };
  return { ok: false, code: outcome.error.code, message: outcome.error.message, tool, record };
}

function isNobodyThere(outcome: ToolOutcome): boolean {
  return !outcome.ok && outcome.error.code === "plugin_no_runtime";
}

function refused(code: string, message: string): { ok: false; code: string; message: string } {
  return { ok: false, code, message };
}

function repeated(tool: OfferedTool): Called {
  const sentence = `it failed ${LOOP_LIMITS.sameFailures} times with just these arguments, and was not made again. Answer with what you have, or change it.`;
  return { ...refused("repeated", sentence), tool, isRepeat: true };
}

/**
 * Whether a call waits for the person. One that writes does once strangers were heard, or always where that is set; and so does one that
 * only reads, where its arguments leave: they can say all that the model knows to whoever a stranger chose. Not where it goes to addresses
 * that the person wrote.
 */
function needsWord(
  { tool, approval, input }: { tool: OfferedTool; approval: PluginUse["approval"]; input: unknown },
  { run, state }: CallPlace,
  table: LoopTable,
): boolean {
  if (approval === "never" || (approval === "tainted" && !state.tainted)) return false;
  if (tool.effect === "write") return true;
  if (tool.sends === "nowhere") return false;
  if (tool.sends === "granted" || !areOwnAddresses(input, tool.input, state.own)) return true;
  return !table.countOwnCall(run);
}

/** The tool of this name, if it is still the one that was offered. */
function toolOf(name: string, state: LoopState, box: ToolBox) {
  const planned = state.tools.find((one) => one.name === name);
  if (planned === undefined) {
    const names = state.tools.map((one) => one.name).join(", ");
    return refused("unknown_tool", `there is no tool '${name.slice(0, 64)}'. There are: ${names}.`);
  }
  const tool = box.offered(state.userId).find((one) => one.name === name);
  if (tool === undefined || !isSameTool(tool, planned)) {
    return refused("tool_gone", "the tool was removed or changed meanwhile. Do without it.");
  }
  return { tool, approval: planned.approval, files: planned.files };
}

function readArguments(text: string, tool: OfferedTool) {
  if (text.length > CALL_LIMITS.inputBytes) return refused("arguments_too_large", "its arguments are too large.");
  let input: unknown;
  let canonical: string;
  try {
    input = text.trim() === "" ? {} : JSON.parse(text);
    canonical = canonicalJson(input);
  } catch {
    return refused("arguments_invalid", "its arguments are not valid JSON.");
  }
  const why = mismatch(tool.input, input);
  if (why !== undefined) return refused("arguments_invalid", `its arguments are not as its schema says: ${why}`);
  // What is called is what the canonical text says, and nothing that merely looks like it.
  return { input: JSON.parse(canonical) as unknown, canonical };
}

/** Waits for the person's word. Undefined where it was given. */
async function ask(
  of: { call: ToolCall; hash: string; canonical: string; tool: OfferedTool },
  { run, round, state, signal }: CallPlace,
  { approvals, say }: CallPorts,
) {
  const { call, hash, canonical, tool } = of;
  const source = sourceText(tool.source);
  const { userId, place } = state;
  const shown = shownArguments(canonical);
  const wanted = { userId, run, round, callId: call.id, tool: tool.name, source, arguments: shown, hash, place };
  const approval = approvals.ask(wanted);
  if (approval === undefined)
    return refused("too_many_approvals", "the person was asked too often already. Say what is left to be done.");
  const { id, deadlineMs } = approval;
  if (approval.isNew) {
    say([
      {
        step: "approval",
        round,
        callId: call.id,
        approval: id,
        hash,
        tool: tool.name,
        source,
        arguments: shown,
        deadlineMs,
      },
    ]);
  }
  const decision = await approvals.wait(approval, signal);
  if (decision === "allow" && approval.hash === hash) return undefined;
  if (decision === "allow") return refused("approval_changed", "what the person allowed was another call.");
  if (decision === "deny")
    return refused("denied", "the person does not want it. Do not try it again: say so, or go on without it.");
  return refused("not_approved", "it needs the person's word, which did not come in time. Say what was to be done.");
}

/** A call by its box, which has a time limit of its own: this one is for a box that hangs. */
async function within(
  box: ToolBox,
  of: { id: string; tool: OfferedTool; input: unknown; files: readonly string[] | undefined; place: CallPlace },
): Promise<ToolOutcome> {
  const { id, tool, input, files, place } = of;
  const { state, signal } = place;
  const stop = new AbortController();
  const ended = Promise.withResolvers<ToolOutcome>();
  const end = (code: string, message: string): void => {
    stop.abort();
    ended.resolve({ ok: false, error: { code, message } });
  };
  const timer = setTimeout(() => end("timeout", "the tool did not answer in time."), LOOP_LIMITS.callMs);
  const stopped = (): void => end("cancelled", "the answer was stopped.");
  signal.addEventListener("abort", stopped, { once: true });
  try {
    const { userId, caller, payer } = state;
    const more = {
      ...(state.place === undefined ? {} : { place: state.place }),
      ...(files === undefined ? {} : { files }),
    };
    const calling = box.call({ id, userId, tool: tool.name, input, caller, payer, signal: stop.signal, ...more });
    return await Promise.race([calling, ended.promise]);
  } catch (error) {
    console.error(`The tool ${tool.name} failed in a way that is not its own:`, error);
    return { ok: false, error: { code: "internal", message: "the tool could not be run." } };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stopped);
  }
}

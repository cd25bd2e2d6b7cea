import { randomInt } from "node:crypto";
import { z } from "zod";
import type { ToolCall } from "../../shared/inference/request.ts";
import { createPrefixMatcher } from "./prefix-matcher.ts";

declare global {
  /** JSON.parse source text access (ECMAScript 2026; in V8 since 11.4), which TypeScript's ES2024 library lacks. */
  interface JSON {
    parse(text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown): unknown;
    rawJSON(text: string): object;
  }
}

/** What a tool call stands between. */
export const TOOL_CALL_OPEN = "<tool_call>";
export const TOOL_CALL_CLOSE = "</tool_call>";

export type OutputPiece = { type: "reasoning" | "text"; text: string } | { type: "tool_call"; call: ToolCall };

/** Takes `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` out of a stream of text. */
export interface ToolCallParser {
  push(text: string): OutputPiece[];
  /** What was held back; a call that lacks only its closing tag still counts. */
  end(): OutputPiece[];
}

/**
 * Text goes through as soon as it cannot be the start of a call; newlines around a call are dropped. What is between the tags
 * and is not a call comes out as the text it was. Linear cost.
 */
export function createToolCallParser(): ToolCallParser {
  const open = createPrefixMatcher(TOOL_CALL_OPEN);
  const close = createPrefixMatcher(TOOL_CALL_CLOSE);
  let inCall = false;
  let afterCall = false;
  /** Text not yet let through: ends with `newlines` newlines and what `open` has matched. */
  let pending = "";
  let newlines = 0;
  /** Between the tags, in the pieces it came in. */
  let body: string[] = [];

  /** Scans text from `start`; returns where it stopped: at its end or behind an opening tag. */
  function scanText(text: string, start: number, out: OutputPiece[]): number {
    let from = start;
    if (afterCall) {
      while (text[from] === "\n") from++;
      if (from < text.length) afterCall = false;
    }
    for (let i = from; i < text.length; i++) {
      const unit = text.charAt(i);
      const matchedBefore = open.matched;
      const opened = open.advance(unit);
      if (open.matched !== matchedBefore + 1) {
        if (unit !== "\n") newlines = 0;
        else newlines = matchedBefore === 0 ? newlines + 1 : 1;
      }
      if (opened) {
        pending += text.slice(from, i + 1);
        emitText(out, pending.slice(0, pending.length - TOOL_CALL_OPEN.length - newlines));
        pending = pending.slice(pending.length - TOOL_CALL_OPEN.length - newlines);
        inCall = true;
        open.reset();
        return i + 1;
      }
    }
    pending += text.slice(from);
    const cut = pending.length - newlines - open.matched;
    emitText(out, pending.slice(0, cut));
    pending = pending.slice(cut);
    return text.length;
  }

  /** Scans a call's body from `start`; returns where it stopped: at the text's end or behind a closing tag. */
  function scanBody(text: string, start: number, out: OutputPiece[]): number {
    for (let i = start; i < text.length; i++) {
      if (!close.advance(text.charAt(i))) continue;
      body.push(text.slice(start, i + 1));
      finishCall(out);
      return i + 1;
    }
    body.push(text.slice(start));
    return text.length;
  }

  function finishCall(out: OutputPiece[]): void {
    const whole = body.join("");
    const call = parseCall(whole.slice(0, whole.length - close.matched));
    if (call === null) emitText(out, pending + whole);
    else out.push({ type: "tool_call", call });
    inCall = false;
    afterCall = call !== null;
    pending = "";
    newlines = 0;
    body = [];
    close.reset();
  }

  return {
    push: (text) => {
      const out: OutputPiece[] = [];
      let at = 0;
      while (at < text.length) at = inCall ? scanBody(text, at, out) : scanText(text, at, out);
      return out;
    },
    end: () => {
      const out: OutputPiece[] = [];
      if (inCall) finishCall(out);
      else emitText(out, pending);
      pending = "";
      return out;
    },
  };
}

function emitText(out: OutputPiece[], text: string): void {
  if (text !== "") out.push({ type: "text", text });
}

const argumentsSchema = z.record(z.string(), z.unknown());
const callSchema = z.object({ name: z.string().min(1).max(128), arguments: argumentsSchema.default({}) });

function parseCall(json: string): ToolCall | null {
  try {
    const { name, arguments: args } = callSchema.parse(JSON.parse(json, keepNumberText));
    return { id: createCallId(), name, arguments: JSON.stringify(args) };
  } catch {
    return null; // Not JSON, too deep, or not a call: the caller gives it back as text.
  }
}

/** Numbers keep the text the model wrote: an id of twenty digits must not be rounded to a double. */
function keepNumberText(_key: string, value: unknown, context: { source: string }): unknown {
  return typeof value === "number" ? JSON.rawJSON(context.source) : value;
}

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function createCallId(): string {
  return `call_${Array.from({ length: 24 }, () => BASE62.charAt(randomInt(62))).join("")}`;
}

import { SESSION_LIMITS } from "../limits.ts";
import type { Converted } from "./conversation.ts";

export type JsonObject = Record<string, unknown>;

/** An object of JSON: no list, no null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string that says something; undefined for all else. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A title of one line. What is cut off is noted. */
export function titleOf(value: unknown, notes: Converted["notes"]): string {
  if (typeof value !== "string") return "";
  const line = value
    .toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  if (line.length <= SESSION_LIMITS.titleCharacters) return line;
  notes.push({ code: "title_shortened" });
  return `${line.slice(0, SESSION_LIMITS.titleCharacters - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** What stands in a text for something that is no text: its name is kept. */
export function placeholder(kind: string, name: string | undefined): string {
  const line = name
    ?.toWellFormed()
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 300);
  return line === undefined || line === "" ? `[${kind}]` : `[${kind}: ${line}]`;
}

/** An id that exports give, or one made of the entry's content: the same entry has the same again. */
export async function sourceIdOf(ids: readonly unknown[], entry: unknown, mostCharacters: number): Promise<string> {
  const given = ids.find((id) => typeof id === "string" && id !== "" && id.length <= mostCharacters);
  if (typeof given === "string") return given.toWellFormed();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(entry)));
  return `sha256:${Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

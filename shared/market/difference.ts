import { createTwoFilesPatch } from "diff";
import type { Manifest, Permissions } from "../plugin/manifest.ts";

/** What one permission gained and lost. Whole values where it is no list: `["5000"]`. */
export interface PermissionChange {
  permission: keyof Permissions;
  added: string[];
  removed: string[];
}
export interface FileChange {
  path: string;
  change: "added" | "removed" | "changed";
  bytesBefore: number;
  bytes: number;
  /** Unified; absent for what is no text, or too much of it. */
  patch?: string;
}
export interface Difference {
  /** The version before; null: this is the first one. */
  against: string | null;
  permissions: PermissionChange[];
  /** Other words of the manifest. */
  manifest: { field: string; before: string; after: string }[];
  files: FileChange[];
}

interface Compared {
  manifest: Manifest;
  files: ReadonlyMap<string, Uint8Array>;
}

const PATCHED_BYTES = 256 * 1024;
const MOST_PATCH_CHARACTERS = 512 * 1024;
/** Past so many edits a reader reads the file itself. */
const MOST_EDITS = 4_000;
const FIELDS = ["title", "description", "kind", "entry", "runsOn", "icon", "price", "data"] as const;

/** What a reviewer has to look at, what it may do first. Against nothing, all of it is new. */
export function differenceOf(before: Compared | undefined, after: Compared): Difference {
  return {
    against: before?.manifest.version ?? null,
    permissions: permissionChanges(before?.manifest.permissions, after.manifest.permissions),
    manifest: before === undefined ? [] : fieldChanges(before.manifest, after.manifest),
    files: fileChanges(before?.files ?? new Map(), after.files),
  };
}

/** Whether a version may do something that the one before could not. */
export function asksForMore(difference: Pick<Difference, "permissions">): boolean {
  return difference.permissions.some(({ added }) => added.length > 0);
}

export function permissionChanges(before: Permissions | undefined, after: Permissions): PermissionChange[] {
  // Parsed objects: these are their keys.
  const names = [...new Set(Object.keys({ ...before, ...after }))] as (keyof Permissions)[];
  return names.flatMap((permission) => {
    const [was, is] = [valuesOf(before?.[permission]), valuesOf(after[permission])];
    const added = is.filter((value) => !was.includes(value));
    const removed = was.filter((value) => !is.includes(value));
    return added.length + removed.length === 0 ? [] : [{ permission, added, removed }];
  });
}

function valuesOf(value: Permissions[keyof Permissions] | undefined): string[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === false || value === 0 ? [] : [String(value)];
}

function fieldChanges(before: Manifest, after: Manifest): Difference["manifest"] {
  const shown = (value: unknown): string => (value === undefined ? "" : JSON.stringify(value));
  return FIELDS.flatMap((field) => {
    const change = { field, before: shown(before[field]), after: shown(after[field]) };
    return change.before === change.after ? [] : [change];
  });
}

function fileChanges(before: ReadonlyMap<string, Uint8Array>, after: ReadonlyMap<string, Uint8Array>): FileChange[] {
  let room = MOST_PATCH_CHARACTERS;
  const paths = [...new Set([...after.keys(), ...before.keys()])].toSorted();
  return paths.flatMap((path): FileChange[] => {
    const [was, is] = [before.get(path), after.get(path)];
    if (was !== undefined && is !== undefined && sameBytes(was, is)) return [];
    const change = was === undefined ? "added" : is === undefined ? "removed" : "changed";
    const sizes = { path, change, bytesBefore: was?.length ?? 0, bytes: is?.length ?? 0 } as const;
    const patch = patchOf(path, was, is);
    if (patch === undefined || patch.length > room) return [sizes];
    room -= patch.length;
    return [{ ...sizes, patch }];
  });
}

function patchOf(path: string, before: Uint8Array | undefined, after: Uint8Array | undefined): string | undefined {
  const [was, is] = [textOf(before), textOf(after)];
  if (was === undefined || is === undefined) return undefined;
  return createTwoFilesPatch(path, path, was, is, "", "", { context: 3, maxEditLength: MOST_EDITS });
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return "";
  if (bytes.length > PATCHED_BYTES || bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // not UTF-8
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

import { z } from "zod";
import { MOST_PATH_CHARACTERS } from "./limits.ts";

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
/** Names that Windows takes for devices, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** Whether every system makes the same one file of it, inside the folder it is unpacked to. */
export function isPackagePath(path: string): boolean {
  if (path.length > MOST_PATH_CHARACTERS) return false;
  return path.split("/").every((part) => SEGMENT.test(part) && !part.endsWith(".") && !DEVICE.test(part));
}

export const packagePathSchema = z
  .string()
  .refine(isPackagePath, "A path has letters, digits, '_', '-' and '.', with '/' between, and stays in its folder.");

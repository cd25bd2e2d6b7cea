import { readFile } from "node:fs/promises";
import { z } from "zod";
import { dataFolder } from "../data-folder.ts";
import { CommandError } from "./command-error.ts";
import { findRunning } from "./running.ts";

/** An edge and a key for it. */
export interface EdgeAccess {
  origin: string;
  apiKey: string;
  /** Whether it is the edge that runs here, and the key its owner's. */
  isOwner: boolean;
}

/**
 * The edge that a command is to ask: the one at `origin`, with the key in PORCHLIGHT_API_KEY, or the one that runs on this data folder,
 * with its owner's key. Throws CommandError.
 */
export async function edgeAccess({ data, origin }: { data?: string; origin?: string }): Promise<EdgeAccess> {
  if (origin !== undefined) return remoteAccess(origin);
  const folder = dataFolder(data);
  const running = await findRunning(folder.running);
  if (!running) {
    throw new CommandError(
      "not_ready",
      "Nothing runs on this data folder. Start it with 'porchlight up', or name your edge: --origin https://EDGE.",
    );
  }
  const { apiKey } = z.object({ apiKey: z.string() }).parse(JSON.parse(await readFile(folder.owner, "utf8")));
  return { origin: running.origin, apiKey, isOwner: true };
}

function remoteAccess(origin: string): EdgeAccess {
  const url = URL.parse(origin);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandError(
      "bad_usage",
      `--origin is no address: "${origin.slice(0, 200)}". Give one such as https://home.example.`,
    );
  }
  const apiKey = process.env.PORCHLIGHT_API_KEY ?? "";
  if (apiKey !== "") return { origin: url.origin, apiKey, isOwner: false };
  throw new CommandError(
    "bad_usage",
    `Make an API key at ${url.origin}/keys and put it into PORCHLIGHT_API_KEY, then say this again.`,
  );
}

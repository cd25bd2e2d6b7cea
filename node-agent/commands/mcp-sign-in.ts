import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { PorchlightError } from "../../shared/errors.ts";
import { askMarket as ask } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import type { EdgeAccess } from "./edge-access.ts";
import { printable, say, styled } from "./terminal.ts";

/** As long as the edge waits for its person. */
const WAIT_MS = 15 * 60_000;
const EVERY_MS = 2_000;

const pageSchema = z.object({ url: z.url({ protocol: /^https?$/ }) });
const signInsSchema = z.object({
  signIns: z.array(z.object({ name: z.string(), url: z.string(), state: z.enum(["signed_in", "needed"]) })),
});

/** Runs `look`, and again once its person has signed in at the server, where it wants that. Throws what `look` throws, and CommandError. */
export async function afterSignIn<T>(
  access: EdgeAccess,
  at: { name: string; url: string },
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof PorchlightError) || error.code !== "mcp_sign_in_needed") throw error;
  }
  const what = "begin signing in at this server";
  const { url } = await ask(access, "/api/mcp-sign-ins", { method: "POST", body: at, schema: pageSchema, what });
  say(`${at.name} wants you to sign in. Open this in a browser that is signed in at ${access.origin} as well:`);
  say(`  ${printable(url)}`);
  const untilMs = Date.now() + WAIT_MS;
  while (Date.now() < untilMs) {
    await sleep(EVERY_MS);
    const { signIns } = await ask(access, "/api/mcp-servers", { schema: signInsSchema, what: "list mounted servers" });
    const isIn = signIns.some(
      ({ name, url: where, state }) => name === at.name && where === at.url && state === "signed_in",
    );
    if (!isIn) continue;
    say(`${styled("green", "✓")} You are signed in.`);
    return await look();
  }
  throw new CommandError("request_failed", "Nobody signed in within 15 minutes. Run the command again.");
}

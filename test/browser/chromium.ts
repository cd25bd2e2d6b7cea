import { execFileSync } from "node:child_process";
import { type Browser, chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts the Chromium that CHROMIUM_PATH names, or the one on the PATH. Throws with the way out if there is none. */
export async function startChromium(args: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath(), headless: true, args: [...ARGS, ...args] });
}

function chromiumPath(): string {
  const named = process.env["CHROMIUM_PATH"];
  if (named !== undefined && named !== "") return named;
  try {
    return execFileSync("sh", ["-c", "command -v chromium || command -v chromium-browser"], {
      encoding: "utf8",
    }).trim();
  } catch (error) {
    throw new Error(
      "The browser tests need Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.",
      { cause: error },
    );
  }
}

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FEATURES } from "./place.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const GUIDE = `${ROOT}shared/api/CLIENTS.md`;
const TABLE = /(?<=<!-- table -->\n)[^]*(?=<!-- \/table -->)/;

/** The programs of the guide, by the heading they stand under. */
export async function samples(): Promise<{ client: string; code: string }[]> {
  const text = await readFile(GUIDE, "utf8");
  return text.split(/^## /m).flatMap((section) => {
    const code = /```js\n([^]*?)```/.exec(section)?.[1];
    return code === undefined ? [] : [{ client: section.slice(0, section.indexOf("\n")), code }];
  });
}

/** What a program prints, run by Node as it stands. */
export async function runSample(
  code: string,
  env: { PORCHLIGHT_URL: string; PORCHLIGHT_API_KEY: string },
): Promise<string> {
  const options = { cwd: ROOT, env: { ...process.env, ...env } };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], options);
  return stdout;
}

/** The guide's table of what passed: `passed` by client, then by feature; a feature that the client does not have is missing. */
export function tableOf(passed: ReadonlyMap<string, ReadonlyMap<string, boolean>>): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const clients = [...passed.keys()];
  const cell = (value: boolean | undefined) => (value === undefined ? "" : value ? "yes" : "**no**");
  return (
    row(["", ...clients.map((client) => `\`${client}\``)]) +
    row(["---", ...clients.map(() => "---")]) +
    FEATURES.map((feature) => row([feature, ...clients.map((client) => cell(passed.get(client)?.get(feature)))])).join(
      "",
    )
  );
}

/** The table as the guide has it now; with UPDATE_CLIENTS it is written first. */
export async function guideTable(table: string): Promise<string | undefined> {
  const text = await readFile(GUIDE, "utf8");
  if (process.env.UPDATE_CLIENTS === undefined) return TABLE.exec(text)?.[0];
  await writeFile(
    GUIDE,
    text.replace(TABLE, () => table),
  );
  return table;
}

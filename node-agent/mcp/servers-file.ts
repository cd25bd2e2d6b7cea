import { readFile } from "node:fs/promises";
import { z } from "zod";
import { MOUNT_LIMITS, SERVER_NAME } from "../../shared/mcp/limits.ts";
import { writePrivateFile } from "../data-folder.ts";

/** A command of this machine that speaks MCP over its standard input and output. */
const serverSchema = z.object({
  command: z.string().min(1),
  args: z.array(z.string()),
  /** Where it was added, and runs. */
  folder: z.string().min(1),
});
export type McpCommand = z.infer<typeof serverSchema>;

const fileSchema = z.record(z.string().regex(SERVER_NAME), serverSchema);
export type McpCommands = z.infer<typeof fileSchema>;

/** The commands that this machine's owner typed in. Only `porchlight mcp` writes them: nothing that comes from an edge ever does. */
export async function readMcpCommands(file: string): Promise<McpCommands> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
}

/** Throws RangeError for more than a machine may have. */
export async function writeMcpCommands(file: string, commands: McpCommands): Promise<void> {
  if (Object.keys(commands).length > MOUNT_LIMITS.servers) throw new RangeError("too many servers");
  await writePrivateFile(file, `${JSON.stringify(commands, undefined, 2)}\n`);
}

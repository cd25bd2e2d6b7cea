import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A server of MCP over stdio whose tool is described by a file, and that notes what it is told in another. */
const [descriptionFile = "", toldFile = ""] = process.argv.slice(2);

interface Message {
  id?: number;
  method?: string;
  params?: { name?: string; arguments?: unknown };
}

const description = (): string =>
  existsSync(descriptionFile) ? readFileSync(descriptionFile, "utf8") : "Quotes of the day.";
const tool = (): object => ({
  name: "quote",
  description: description(),
  inputSchema: {
    type: "object",
    properties: { symbol: { type: "string" }, count: { type: "integer" } },
    required: ["symbol"],
  },
  annotations: { readOnlyHint: true, openWorldHint: false },
});

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line) as Message; // The client's own, in a test.
  if (id === undefined) return;
  const answer = (result: object): void =>
    void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
  if (method === "initialize") {
    const serverInfo = { name: "quotes", version: "1" };
    answer({ protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo });
  } else if (method === "tools/list") answer({ tools: [tool()] });
  else {
    appendFileSync(toldFile, `${JSON.stringify(params?.arguments ?? {})}\n`);
    answer({ content: [{ type: "text", text: "42" }] });
  }
});

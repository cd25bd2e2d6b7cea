import { PorchlightError } from "../../shared/errors.ts";
import { encodeMcpLine, type McpAsk, mcpAskSchema } from "../../shared/mcp/mcp-lines.ts";
import { readLines } from "../../shared/plugin/stream-lines.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import type { McpServers } from "./mcp-servers.ts";

/** Answers one `mcp` stream (PROTOCOL.md). Never rejects. */
export async function serveMcp(stream: ProtocolStream, servers: McpServers | undefined): Promise<void> {
  try {
    await stream.write(encodeMcpLine(await answer(stream, servers)));
    stream.end();
  } catch (cause) {
    // The stream was lost meanwhile, or failed on this side: then the peer must still learn that it is over.
    stream.reset(PorchlightError.from(cause).toWire());
  }
}

async function answer(
  stream: ProtocolStream,
  servers: McpServers | undefined,
): Promise<Parameters<typeof encodeMcpLine>[0]> {
  try {
    if (servers === undefined) throw new PorchlightError("not_found", "This machine mounts no servers.");
    const ask = (await readLines(stream.incoming, mcpAskSchema).next()).value;
    if (ask === undefined) throw new PorchlightError("invalid_request", "The stream asks for nothing.");
    return { type: "done", value: JSON.stringify(await carryOut(ask, stream, servers)) };
  } catch (error) {
    return { type: "failed", error: PorchlightError.from(error).toWire() };
  }
}

async function carryOut(ask: McpAsk, stream: ProtocolStream, servers: McpServers): Promise<unknown> {
  if (ask.type === "servers") return await servers.names();
  if (ask.type === "tools") return await servers.use(ask.server, async (client) => await client.tools());
  const { server, tool, digest } = ask;
  const input = JSON.parse(ask.input) as Record<string, unknown>; // The edge held it to the tool's schema, of an object.
  let writing: Promise<void> = Promise.resolve();
  const onProgress = (done: number, words?: string): void => {
    const line = encodeMcpLine({
      type: "progress",
      done,
      ...(words === undefined ? {} : { words: words.slice(0, 500) }),
    });
    // One after the other. Where the stream is lost, its end says so.
    writing = writing.then(async () => await stream.write(line)).catch(() => undefined);
  };
  const call = { tool, digest, input, signal: stream.signal, onProgress };
  const result = await servers.use(server, async (client) => await client.call(call));
  await writing;
  return result;
}

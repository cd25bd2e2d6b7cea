import type { InferenceBackend } from "../../shared/inference/backend.ts";
import type { ProtocolStream } from "../../shared/protocol/types.ts";
import type { Runs } from "./runs/runs.ts";
import { serveArchive } from "../archive/serve-archive.ts";
import type { ArchiveKeeper } from "../archive/keeper.ts";
import type { McpServers } from "../mcp/mcp-servers.ts";
import { serveMcp } from "../mcp/serve-mcp.ts";
import { type PluginHost, servePlugin } from "../plugins/serve-plugin.ts";
import { serveEmbed } from "./serve-embed.ts";

/**
 * Answers a stream of any kind. Never rejects.
 * @param options.keeps whether the edge takes runs up again whose stream was lost
 */
export async function serve(
  stream: ProtocolStream,
  options: {
    backend: InferenceBackend;
    runs: Runs;
    keeps: boolean;
    archive?: ArchiveKeeper | undefined;
    plugins?: PluginHost | undefined;
    mcp?: McpServers | undefined;
  },
): Promise<void> {
  const { backend, runs, keeps, archive, plugins, mcp } = options;
  if (stream.header.kind === "generate") return await runs.start(stream, keeps);
  if (stream.header.kind === "embed") return await serveEmbed(stream, backend);
  if (stream.header.kind === "archive") return await serveArchive(stream, archive);
  if (stream.header.kind === "plugin") return await servePlugin(stream, plugins);
  if (stream.header.kind === "mcp") return await serveMcp(stream, mcp);
  runs.resume(stream);
}

import type { McpTools } from "../../../edge/mcp/mcp-handler.ts";
import type { OfferedTool, ToolOutcome } from "../../../edge/home/plugins/tool-box.ts";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

const text = { type: "text", text: "This is a simple text response for testing." };
const image = { type: "image", data: PIXEL, mimeType: "image/png" };
const audio = { type: "audio", data: SILENCE, mimeType: "audio/wav" };
const embedded = (uri: string, mimeType: string, words: string): object => ({
  type: "resource",
  resource: { uri, mimeType, text: words },
});

/** What the conformance suite asks a server to have, by its own description of each scenario; as a mounted server would answer it. */
const ANSWERS: Record<string, readonly object[]> = {
  test_simple_text: [text],
  test_image_content: [image],
  test_audio_content: [audio],
  test_embedded_resource: [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  test_multiple_content_types: [
    { type: "text", text: "Multiple content types test:" },
    image,
    embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
  ],
  test_tool_with_logging: [text],
  test_error_handling: [],
  test_tool_with_progress: [text],
};

/** The fixtures of `@modelcontextprotocol/conformance`, behind this product's own server. */
export const conformanceTools: McpTools = {
  offered: () => Promise.resolve(Object.keys(ANSWERS).map(offered)),
  async call({ tool, onProgress }): Promise<ToolOutcome> {
    if (tool === "test_error_handling")
      return {
        ok: false,
        error: { code: "plugin_failed", message: "This tool intentionally returns an error for testing" },
      };
    if (tool === "test_tool_with_progress") {
      for (const done of [0, 0.5, 1]) {
        onProgress?.(done);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    }
    return { ok: true, value: { content: ANSWERS[tool] ?? [] } };
  },
};

function offered(name: string): OfferedTool {
  return {
    name,
    title: { en: name, zh: name },
    description: `The fixture ${name}.`,
    input: { type: "object", properties: {} },
    effect: "read",
    taints: true,
    sends: "granted",
    source: { kind: "mcp", server: "fixture", tool: name },
  };
}

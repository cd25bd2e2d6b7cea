import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { MountedClient } from "../../../shared/mcp/mounted-client.ts";

/** What `@modelcontextprotocol/conformance client` starts: a mounted server of this product, whose tools are listed and called once. */
const url = process.argv.at(-1) ?? "";
const client = await MountedClient.connect(new StreamableHTTPClientTransport(new URL(url)), "0.0.0");
try {
  for (const { name, digest, input } of await client.tools()) {
    const numbers = Object.keys(input.properties ?? {}).map((key, at) => [key, at + 2]);
    const call = { tool: name, digest, input: Object.fromEntries(numbers), signal: AbortSignal.timeout(20_000) };
    console.log(name, JSON.stringify(await client.call(call)));
  }
} finally {
  await client.close();
}

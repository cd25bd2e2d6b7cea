import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

/** Here, before anything reaches the host's memory: the same numbers as in shared/plugin/limits.ts. */
const MOST_ARGUMENT = 1024 * 1024;
const MOST_BYTES = 1024 * 1024;

/** All that one call may use. The host forgets the call's token when the call ends, and with it whatever the plugin kept of this. */
class Capabilities extends RpcTarget {
  #host;
  #token;

  constructor(host, token) {
    super();
    this.#host = host;
    this.#token = token;
  }

  /** A capability by its name: the host has a table of those that this call was granted, and nothing else. */
  async use(name, argument, bytes) {
    if (typeof name !== "string" || typeof argument !== "string") throw new TypeError("Not a use of a capability.");
    if (argument.length > MOST_ARGUMENT || (bytes?.byteLength ?? 0) > MOST_BYTES) throw new RangeError("That is too large.");
    const body = bytes instanceof Uint8Array ? new Blob([argument, "\n", bytes]) : `${argument}\n`;
    const response = await this.#host.fetch("http://host/use", {
      method: "POST",
      headers: { token: this.#token, capability: encodeURIComponent(name) },
      body,
    });
    const whole = new Uint8Array(await response.arrayBuffer());
    const end = whole.indexOf(10);
    const text = new TextDecoder().decode(whole.subarray(0, end));
    if (!response.ok) throw new Error(JSON.parse(text));
    return { text, bytes: whole.slice(end + 1) };
  }
}

/** The trusted worker of the sandbox: loads each plugin version into an isolate without network, and passes calls in. */
export default class extends WorkerEntrypoint {
  async fetch(request) {
    const { isolate: name, operation, tool, input, grants, caller, token, outputBytes } = await request.json();
    const isolate = this.env.LOADER.get(name, async () => {
      const response = await this.env.HOST.fetch("http://host/code", { headers: { token } });
      const { files, mainModule, compatibilityDate, compatibilityFlags } = await response.json();
      const modules = Object.fromEntries(files.map(({ path, type, content }) => [path, { [type]: decode(type, content) }]));
      return { compatibilityDate, compatibilityFlags, mainModule, modules, env: {}, globalOutbound: null };
    });
    try {
      const guest = isolate.getEntrypoint();
      const capabilities = new Capabilities(this.env.HOST, token);
      const text =
        operation === "describe" ? await guest.describe() : await guest.call(tool, input, grants, caller, capabilities);
      if (typeof text !== "string") throw new TypeError("The plugin returned no JSON.");
      if (text.length > outputBytes) throw new RangeError("The plugin's result is too large.");
      return new Response(text);
    } catch (error) {
      return new Response(String(error?.message ?? error).slice(0, 2_000), { status: 500 });
    }
  }
}

function decode(type, content) {
  if (type === "js") return content;
  return Uint8Array.fromBase64(content).buffer;
}

import { PorchlightError } from "../../../shared/errors.ts";
import { MOUNT_LIMITS } from "../../../shared/mcp/limits.ts";
import type { MountedResult } from "../../../shared/mcp/mounted-result.ts";
import { type MountedTool, toolsDigest } from "../../../shared/mcp/mounted-tool.ts";
import { CALL_LIMITS } from "../../../shared/plugin/limits.ts";
import { mismatch } from "../../../shared/plugin/tool-list.ts";
import { type Made, madeLater } from "../made.ts";
import { CallTable } from "../plugins/call-table.ts";
import { PLUGIN_LIMITS } from "../plugins/limits.ts";
import type { OfferedTool, ToolBox, ToolBoxCall, ToolOutcome } from "../plugins/tool-box.ts";
import { type Mount, type MountSource, MountTable } from "./mount-table.ts";
import type { SignInClient } from "./sign-in/kept-sign-in.ts";
import type { ServerSignIns, SignInAnswer } from "./sign-in/server-sign-ins.ts";
import type { SignIn } from "./sign-in/sign-in.ts";
import { toolName } from "./tool-name.ts";

/** What the Worker may ask of the desk: see `mountsOf`. */
export const MOUNT_METHODS = [
  "list",
  "found",
  "look",
  "mount",
  "enable",
  "remove",
  "signIns",
  "beginSignIn",
  "finishSignIn",
] as const;
export type MountMethod = (typeof MOUNT_METHODS)[number];

/** A server, wherever it is. */
export interface ServerPort {
  tools(from: ServerLook, signal: AbortSignal): Promise<MountedTool[]>;
  call(call: ServerCall): Promise<MountedResult>;
}
/** A server that somebody looks at. */
export interface ServerLook {
  userId: string;
  /** Under which its person signed in, if they did. */
  name?: string | undefined;
  source: MountSource;
  bearer?: string | undefined;
}
export interface ServerCall {
  userId: string;
  mount: Mount;
  tool: MountedTool;
  input: Record<string, unknown>;
  signal: AbortSignal;
  onProgress?: ((done: number, words?: string) => void) | undefined;
}

export interface MountDeskOptions {
  sql: SqlStorage;
  servers: ServerPort;
  /** On machines that are online. */
  found: (signal: AbortSignal) => Promise<{ agentId: string; server: string }[]>;
  bearers: {
    get: (userId: string, name: string) => Promise<string | undefined>;
    put: (userId: string, name: string, value: string) => Promise<void>;
    remove: (userId: string, name: string) => void;
  };
  signIns: Pick<ServerSignIns, "of" | "begin" | "finish" | "remove" | "personGone">;
  now?: () => number;
}

/** What somebody mounts. */
export interface NewMount {
  name: string;
  source: MountSource;
  /** What its person has seen and allows: see `look`. */
  digest: string;
  bearer?: string | undefined;
}

const LOOK_MS = MOUNT_LIMITS.connectMs + MOUNT_LIMITS.listMs;

/** Servers of MCP that people have mounted, as one more box of tools. Each consents to the tools as they are described, and to no others. */
export class MountDesk implements ToolBox {
  readonly #options: MountDeskOptions;
  readonly #table: MountTable;
  readonly #calls: CallTable;
  readonly #now: () => number;
  readonly #underWay = new Map<string, number>();

  constructor(options: MountDeskOptions) {
    this.#options = options;
    this.#table = new MountTable(options.sql);
    this.#calls = new CallTable(options.sql);
    this.#now = options.now ?? Date.now;
  }

  list(userId: string): Mount[] {
    return [...this.#table.of(userId)];
  }

  /** Servers on the household's machines. */
  async found(): Promise<{ agentId: string; server: string }[]> {
    return await this.#options.found(AbortSignal.timeout(LOOK_MS));
  }

  /** What a server offers now, and the digest that consents to it. Refused as `agent_offline`, `mcp_unreachable`, `mcp_sign_in_needed`, `mcp_failed`. */
  async look(from: ServerLook): Promise<Made<{ tools: MountedTool[]; digest: string }>> {
    return await madeLater(async () => await this.#look(from));
  }

  /** Mounts a server with the tools that its person has seen. Refused as `look` is, as `mcp_changed` and `plugins_full`. */
  async mount(userId: string, { name, source, digest, bearer }: NewMount): Promise<Made<Mount>> {
    return await madeLater(async () => {
      const known = this.#table.of(userId);
      if (known.length >= MOUNT_LIMITS.servers && !known.some((one) => one.name === name))
        throw new PorchlightError("plugins_full");
      const seen = await this.#look({ userId, name, source, bearer });
      if (seen.digest !== digest) throw new PorchlightError("mcp_changed");
      const { tools } = seen;
      const mount: Mount = { name, source, tools, digest, enabled: true, changed: false, mountedAtMs: this.#now() };
      const secret = await this.#bearerOf({ userId, name, source, bearer });
      // What was entered for one server goes to no other that gets its name.
      this.#options.bearers.remove(userId, name);
      if (secret !== undefined) {
        this.#options.signIns.remove(userId, name);
        await this.#options.bearers.put(userId, name, secret);
      }
      this.#table.put(userId, mount);
      return mount;
    });
  }

  /** Switches a server's tools on or off. Undefined where there is none. */
  enable(userId: string, name: string, enabled: boolean): Mount | undefined {
    const mount = this.#find(userId, name);
    if (mount === undefined) return undefined;
    const changed = { ...mount, enabled };
    this.#table.put(userId, changed);
    return changed;
  }

  /** Where this person has signed in, mounted or not. */
  signIns(userId: string): SignIn[] {
    return this.#options.signIns.of(userId);
  }

  /** The page at which its person signs in. Refused as `ServerSignIns.begin` does. */
  async beginSignIn(userId: string, at: { name: string; url: string }, client: SignInClient): Promise<Made<string>> {
    return await madeLater(async () => await this.#options.signIns.begin(userId, at, client));
  }

  /** Takes that page's answer. Refused as `ServerSignIns.finish` does. */
  async finishSignIn(userId: string, answer: SignInAnswer): Promise<Made<SignIn>> {
    return await madeLater(async () => await this.#options.signIns.finish(userId, answer));
  }

  /** Whether there was one: mounted, or signed in at. */
  remove(userId: string, name: string): boolean {
    const wasThere = this.#options.signIns.of(userId).some((one) => one.name === name);
    this.#options.bearers.remove(userId, name);
    this.#options.signIns.remove(userId, name);
    return this.#table.remove(userId, name) || wasThere;
  }

  personGone(userId: string): void {
    for (const { name } of this.#table.of(userId)) this.#options.bearers.remove(userId, name);
    this.#options.signIns.personGone(userId);
    this.#table.removeOf(userId);
  }

  offered(userId: string): OfferedTool[] {
    const usable = this.#table.of(userId).filter(({ enabled, changed }) => enabled && !changed);
    return usable.flatMap(({ name, tools }) =>
      tools.map((tool) => ({
        name: toolName(name, tool.name),
        title: { en: name, zh: name },
        description: tool.description === "" ? tool.title : tool.description,
        input: tool.input,
        effect: tool.effect,
        taints: true,
        sends: "granted",
        source: { kind: "mcp" as const, server: name, tool: tool.name },
      })),
    );
  }

  async call(call: ToolBoxCall): Promise<ToolOutcome> {
    const { id, userId, input, place, signal, onProgress } = call;
    const offered = this.offered(userId).find(({ name }) => name === call.tool);
    const mount = offered?.source.kind === "mcp" ? this.#find(userId, offered.source.server) : undefined;
    const tool = mount?.tools.find(({ name }) => offered?.source.tool === name);
    if (mount === undefined || tool === undefined)
      return failure(new PorchlightError("not_found", `There is no tool '${call.tool}'.`));
    const text = JSON.stringify(input) ?? "null";
    const startedAtMs = this.#now();
    const runs = mount.source.kind === "machine" ? ("home" as const) : ("edge" as const);
    const record = { id, plugin: `mcp:${mount.name}`, version: "", hash: tool.digest, tool: tool.name, place: runs };
    const turn = { sessionId: place?.sessionId ?? null, turn: place?.index ?? null };
    if (!this.#calls.begin(userId, { ...record, ...turn, startedAtMs, input: text }))
      return failure(new PorchlightError("invalid_request", "This call was made already."));
    const before = this.#underWay.get(userId) ?? 0;
    this.#underWay.set(userId, before + 1);
    let outcome: ToolOutcome;
    try {
      if (before >= PLUGIN_LIMITS.underWay)
        throw new PorchlightError("overloaded", "As many tools work for you already as may. Try again in a moment.");
      if (text.length > CALL_LIMITS.inputBytes)
        throw new PorchlightError("plugin_input_invalid", "The input is too large.");
      const wrong = mismatch(tool.input, input);
      if (wrong !== undefined)
        throw new PorchlightError("plugin_input_invalid", `The tool does not take this: ${wrong}`);
      const object = input as Record<string, unknown>; // The schema is of an object, and it fits.
      const value = await this.#options.servers.call({ userId, mount, tool, input: object, signal, onProgress });
      outcome =
        value.isError === true ? failure(new PorchlightError("mcp_failed", wordsOf(value))) : { ok: true, value };
    } catch (error) {
      const known = PorchlightError.from(error);
      // Nobody asked for what it is now: its person looks again first.
      if (known.code === "mcp_changed") this.#table.put(userId, { ...mount, changed: true });
      outcome = failure(known);
    } finally {
      const left = (this.#underWay.get(userId) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(userId);
      else this.#underWay.set(userId, left);
    }
    const result = outcome.ok ? JSON.stringify(outcome.value) : null;
    const error = outcome.ok ? null : outcome.error;
    this.#calls.end(userId, id, { result, error, ms: this.#now() - startedAtMs, logs: [] });
    return outcome;
  }

  #find(userId: string, name: string): Mount | undefined {
    return this.#table.of(userId).find((one) => one.name === name);
  }

  /** What its person enters now, or entered when they mounted this very server under the name. */
  async #bearerOf({ userId, name, source, bearer }: ServerLook): Promise<string | undefined> {
    if (bearer !== undefined || name === undefined || source.kind !== "remote") return bearer;
    const before = this.#find(userId, name)?.source;
    if (before?.kind !== "remote" || before.url !== source.url) return undefined;
    return await this.#options.bearers.get(userId, name);
  }

  async #look(from: ServerLook): Promise<{ tools: MountedTool[]; digest: string }> {
    const bearer = await this.#bearerOf(from);
    const tools = await this.#options.servers.tools({ ...from, bearer }, AbortSignal.timeout(LOOK_MS));
    return { tools, digest: await toolsDigest(tools) };
  }
}

/** What a tool said went wrong: for the model. */
function wordsOf({ content }: MountedResult): string {
  const words = content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
  return words === "" ? "The tool failed and said nothing of why." : words.slice(0, 4_000);
}

function failure({ code, message }: PorchlightError): ToolOutcome {
  return { ok: false, error: { code, message } };
}

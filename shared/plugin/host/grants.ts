import { z } from "zod";
import type { PickedFile } from "../context.ts";
import { CALL_LIMITS, MOST_KEY_CHARACTERS, MOST_VALUE_BYTES } from "../limits.ts";
import type { Permissions } from "../manifest.ts";
import type { Capability, Grant, Granted } from "./capability.ts";
import { fetchCapability } from "./fetch-capability.ts";

/** Values of one plugin, kept by the host. */
export interface KeyValues {
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Throws RangeError past `quotaBytes` of all keys and values together. */
  set(key: string, value: Uint8Array<ArrayBuffer>, quotaBytes: number): Promise<void>;
  delete(key: string): Promise<void>;
  list(prefix: string): Promise<string[]>;
}

/** What the host can give; what is missing here is granted to nobody. */
export interface HostPorts {
  guardedFetch?: (request: Request) => Promise<Response>;
  storage?: KeyValues;
  secret?: (name: string) => Promise<string | undefined>;
  model?: (question: {
    prompt: string;
    system?: string | undefined;
    maxTokens?: number | undefined;
  }) => Promise<string>;
  /** Files that the person picked for this call. */
  files?: { list: () => Promise<PickedFile[]>; read: (id: string) => Promise<Uint8Array<ArrayBuffer>> };
  hostTool?: (name: string, input: unknown) => Promise<unknown>;
  onLog?: (line: string) => void;
  onProgress?: (done: number, words: string | undefined) => void;
}

const keySchema = z.strictObject({ key: z.string().min(1).max(MOST_KEY_CHARACTERS) });
const prefixSchema = z.strictObject({ prefix: z.string().max(MOST_KEY_CHARACTERS) });
const nameSchema = z.strictObject({ name: z.string() });
const fileSchema = z.strictObject({ id: z.string().max(128) });
const hostToolSchema = z.strictObject({ name: z.string().max(64), input: z.unknown() });
const lineSchema = z.strictObject({ line: z.string() });
const progressSchema = z.strictObject({ done: z.number().min(0).max(1), words: z.string().max(200).optional() });
const questionSchema = z.strictObject({
  prompt: z.string().max(200_000),
  system: z.string().max(20_000).optional(),
  maxTokens: z.int().min(1).max(8_192).optional(),
});

/** The capabilities of one call: what the user granted, and the host can give. */
export function grant(permissions: Permissions, ports: HostPorts): Granted {
  const capabilities = new Map<string, Capability>(reports(ports));
  const grants: Grant[] = [];
  const { guardedFetch, storage, secret, model } = ports;
  if (permissions.net.length > 0 && guardedFetch !== undefined) {
    grants.push("fetch");
    capabilities.set("fetch", fetchCapability(permissions.net, guardedFetch));
  }
  if (permissions.storageBytes > 0 && storage !== undefined) {
    grants.push("storage");
    for (const [name, use] of storageCapabilities(storage, permissions.storageBytes)) capabilities.set(name, use);
  }
  if (permissions.secrets.length > 0 && secret !== undefined) {
    grants.push("secret");
    capabilities.set("secret", async (argument) => {
      const { name } = nameSchema.parse(argument);
      if (!permissions.secrets.includes(name)) throw new Error(`The secret '${name}' was not granted.`);
      return { value: await secret(name) };
    });
  }
  if (permissions.model && model !== undefined) {
    grants.push("model");
    capabilities.set("model", async (argument) => ({ value: await model(questionSchema.parse(argument)) }));
  }
  for (const [name, use] of filesAndTools(permissions, ports, grants)) capabilities.set(name, use);
  return { grants, capabilities };
}

function filesAndTools(
  permissions: Permissions,
  { files, hostTool }: HostPorts,
  grants: Grant[],
): [string, Capability][] {
  const made: [string, Capability][] = [];
  if (permissions.files && files !== undefined) {
    grants.push("files");
    made.push(["files.list", async () => ({ value: await files.list() })]);
    made.push([
      "files.read",
      async (argument) => ({ value: true, bytes: await files.read(fileSchema.parse(argument).id) }),
    ]);
  }
  if (permissions.tools.length > 0 && hostTool !== undefined) {
    grants.push("hostTool");
    made.push([
      "hostTool",
      async (argument) => {
        const { name, input } = hostToolSchema.parse(argument);
        if (!permissions.tools.includes(name)) throw new Error(`The tool '${name}' was not granted.`);
        return { value: await hostTool(name, input) };
      },
    ]);
  }
  return made;
}

/** Log and progress: every call has them. */
function reports({ onLog, onProgress }: HostPorts): [string, Capability][] {
  let lines = 0;
  return [
    [
      "log",
      async (argument) => {
        const { line } = lineSchema.parse(argument);
        if (++lines <= CALL_LIMITS.logLines) onLog?.(line.slice(0, CALL_LIMITS.logCharacters));
        return { value: null };
      },
    ],
    [
      "progress",
      async (argument) => {
        const { done, words } = progressSchema.parse(argument);
        onProgress?.(done, words);
        return { value: null };
      },
    ],
  ];
}

function storageCapabilities(storage: KeyValues, quotaBytes: number): [string, Capability][] {
  return [
    [
      "storage.get",
      async (argument) => {
        const bytes = await storage.get(keySchema.parse(argument).key);
        return bytes === undefined ? { value: null } : { value: true, bytes };
      },
    ],
    [
      "storage.set",
      async (argument, bytes) => {
        const { key } = keySchema.parse(argument);
        if (bytes.length > MOST_VALUE_BYTES) throw new RangeError("A value is at most 1 MiB.");
        await storage.set(key, bytes, quotaBytes);
        return { value: null };
      },
    ],
    [
      "storage.delete",
      async (argument) => {
        await storage.delete(keySchema.parse(argument).key);
        return { value: null };
      },
    ],
    ["storage.list", async (argument) => ({ value: await storage.list(prefixSchema.parse(argument).prefix) })],
  ];
}

/** What one call of a tool is given. What was not granted is not there. */
export interface PluginContext<Input = unknown> {
  /** Checked against the tool's schema. */
  readonly input: Input;
  readonly caller: PluginCaller;
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /** With `permissions.net`. */
  readonly fetch?: PluginFetch;
  /** With `permissions.storageBytes`. */
  readonly storage?: PluginStorage;
  /** With `permissions.secrets`: the value of one of those names, undefined when the user has not entered it. */
  readonly secret?: (name: string) => Promise<string | undefined>;
  /** With `permissions.model`. */
  readonly model?: (question: ModelQuestion) => Promise<string>;
  /** With `permissions.files`. */
  readonly files?: PluginFiles;
  /** With `permissions.tools`: a tool of the host, such as `vision.ocr`. */
  readonly hostTool?: (name: string, input: unknown) => Promise<unknown>;
  /** From 0 to 1, with words if there are any. */
  readonly progress: (done: number, words?: string) => Promise<void>;
  readonly log: (line: string) => Promise<void>;
}

export interface PluginCaller {
  locale: "en" | "zh-CN";
  /** IANA name. */
  timeZone: string;
}

export interface FetchInit {
  method?: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface FetchedResponse {
  /** Where it came from in the end, redirects within the granted hosts followed. */
  url: string;
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

export type PluginFetch = (url: string, init?: FetchInit) => Promise<FetchedResponse>;

/** Values of this plugin alone, for this account. */
export interface PluginStorage {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, value: string | Uint8Array): Promise<void>;
  delete(key: string): Promise<void>;
  /** Names in order, 1,000 at most. */
  list(prefix?: string): Promise<string[]>;
}

export interface ModelQuestion {
  prompt: string;
  system?: string;
  maxTokens?: number;
}

export interface PickedFile {
  id: string;
  name: string;
  type: string;
  bytes: number;
}

export interface PluginFiles {
  list(): Promise<PickedFile[]>;
  read(id: string): Promise<Uint8Array>;
}

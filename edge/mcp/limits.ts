import { CALL_LIMITS } from "../../shared/plugin/limits.ts";

/** What clients of `/mcp` may ask, each with its reason. */
export const MCP_LIMITS = {
  /** Of one message: a call's input, and what JSON-RPC puts around it. */
  bodyBytes: 2 * CALL_LIMITS.inputBytes,
  /** Tools in one answer of `tools/list`: the rest comes with its cursor. */
  pageTools: 100,
  /** Comments that keep a stream of events open through proxies that close quiet ones. */
  keepAliveMs: 15_000,
  /** A plugin that reports at every step of a loop would fill the wire. */
  progressEveryMs: 50,
} as const;

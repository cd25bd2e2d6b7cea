import Anthropic from "@anthropic-ai/sdk";
import { type Api, apiOver, FINISH, type Generate, yielding } from "../support.ts";

export const QUESTION = { model: "starter", max_tokens: 9, messages: [{ role: "user" as const, content: "hello" }] };

/** Anthropic's client over the API in this process. */
export function clientOf(api: Api): Anthropic {
  return new Anthropic({
    apiKey: "key",
    baseURL: "http://localhost",
    maxRetries: 0,
    fetch: async (url, init) => await api.request(new Request(url, init)),
  });
}

export const clientOver = (generate: Generate): Anthropic => clientOf(apiOver(generate));

export async function post(
  body: unknown,
  generate: Generate = yielding(...FINISH),
  headers: Record<string, string> = {},
) {
  return await apiOver(generate).request("/v1/messages", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

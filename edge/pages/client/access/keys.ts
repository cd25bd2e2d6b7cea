import { part } from "../ui/dom.ts";
import type { Flow } from "./flows.ts";
import { send } from "./request.ts";

const SCOPE = "scope ";

/** Makes a key and shows it the one time it can be shown. */
export const makeKey: Flow = async (fields) => {
  const scopes = Object.keys(fields).filter((name) => name.startsWith(SCOPE));
  const body = {
    ...changes(fields),
    scopes: scopes.map((name) => name.slice(SCOPE.length)),
    expiresInDays: numberOf(fields["expires"]),
  };
  const { apiKey } = (await send("POST /api/keys", body)) as { apiKey: string }; // the route's own answer
  const form = document.querySelector<HTMLElement>('[data-flow="make-key"]');
  if (form) form.hidden = true;
  const box = part("made-key");
  box.hidden = false;
  const code = box.querySelector("code");
  if (code) code.textContent = apiKey;
  return undefined;
};

export const changeKey: Flow = async (fields) => {
  await send(`PATCH /api/keys/${fields["id"] ?? ""}`, changes(fields));
  return location.href;
};

/** What both forms have; what is empty is no limit. */
function changes(fields: Record<string, string>) {
  const models = (fields["models"] ?? "").split(/[,，、\s]+/).filter((name) => name !== "");
  return {
    name: fields["name"] ?? "",
    models: models.length === 0 ? null : models,
    priority: fields["priority"] ?? "normal",
    limits: {
      requestsPerMinute: numberOf(fields["requestsPerMinute"]),
      tokensPerDay: numberOf(fields["tokensPerDay"]),
      nodeSecondsPerDay: numberOf(fields["nodeSecondsPerDay"]),
    },
  };
}

function numberOf(text: string | undefined): number | null {
  return text === undefined || text.trim() === "" ? null : Number(text);
}

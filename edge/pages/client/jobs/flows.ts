import { part } from "../ui/dom.ts";
import type { Flow } from "../access/flows.ts";
import { send } from "../access/request.ts";

/** Puts a question into the queue. */
export const makeJob: Flow = async ({ question = "", model = "", priority = "normal" }) => {
  await send("POST /api/jobs", { request: { model, messages: [{ role: "user", content: question }] }, priority });
  return "/jobs";
};

/** Makes a webhook and shows its secret the one time it can be shown. */
export const makeWebhook: Flow = async ({ url = "" }) => showSecret(await send("POST /api/webhooks", { url }));

export const rotateWebhook: Flow = async ({ id = "" }) => showSecret(await send(`POST /api/webhooks/${id}/secret`));

function showSecret(answer: unknown): undefined {
  const { secret } = answer as { secret: string }; // the route's own answer
  const box = part("webhook-secret");
  box.hidden = false;
  const code = box.querySelector("code");
  if (code) code.textContent = secret;
  const form = document.querySelector<HTMLElement>('[data-flow="make-webhook"]');
  if (form) form.hidden = true;
  box.scrollIntoView({ block: "nearest" });
}

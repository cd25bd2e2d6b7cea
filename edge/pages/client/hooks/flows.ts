import type { Flow } from "../access/flows.ts";
import { send } from "../access/request.ts";
import { part } from "../ui/dom.ts";

/** Makes an address, and shows it with its secret the one time that it can be shown. */
export const makeHook: Flow = async ({ name = "", target = "", prompt = "", signature = "", secret = "" }) => {
  const where = target === "" ? { session: null, prompt } : { plugin: target };
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const locale = document.documentElement.lang === "zh-CN" ? "zh-CN" : "en";
  const given = secret === "" ? {} : { secret };
  return show(await send("POST /api/hooks", { name, ...where, signature, locale, timeZone, ...given }));
};

export const rotateHook: Flow = async ({ id = "" }) => show(await send(`POST /api/hooks/${id}/secret`, {}));

function show(answer: unknown): undefined {
  const { url, secret } = answer as { url: string; secret: string }; // the routes' own answer
  const box = part("hook-secret");
  box.hidden = false;
  for (const [name, text] of [
    ["hook-url", url],
    ["hook-own-secret", secret],
  ] as const) {
    const code = part(name).querySelector("code");
    if (code) code.textContent = text;
  }
  const form = document.querySelector<HTMLElement>('[data-flow="make-hook"]');
  if (form) form.hidden = true;
  box.scrollIntoView({ block: "nearest" });
}

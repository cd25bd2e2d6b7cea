import { startAuthentication, startRegistration } from "@simplewebauthn/browser";
import { makeJob, makeWebhook, rotateWebhook } from "../jobs/flows.ts";
import { makeHook, rotateHook } from "../hooks/flows.ts";
import { saveInstructions } from "../memory/flows.ts";
import { changeSchedule, makeSchedule } from "../schedules/flows.ts";
import { uploadPackage } from "../market/flows.ts";
import { grantPlugin, inspectFromMarket, inspectPlugin, installPlugin } from "../plugins/flows.ts";
import { lookAtServer, mountServer, signInAtServer } from "../servers/flows.ts";
import { part } from "../ui/dom.ts";
import { showCodes } from "./codes.ts";
import { changeKey, makeKey } from "./keys.ts";
import { type AuthenticationOptions, send } from "./request.ts";

type RegistrationOptions = Parameters<typeof startRegistration>[0]["optionsJSON"];
type Fields = Record<string, string>;

/** A form that does more than send its fields. Resolves with where to go next: an address, or undefined to stay. */
export type Flow = (fields: Fields, fileName: string) => Promise<string | undefined>;

/** By the form's `data-flow`. */
export const FLOWS: Record<string, Flow> = {
  "sign-in": async () => {
    await send("POST /api/sign-in", { response: await assertion(false) });
    return here();
  },
  "set-up": async ({ token = "", name = "" }, fileName) => {
    const response = await registration("POST /api/setup/options", { token, name });
    const answer = await send("POST /api/setup/passkey", { token, passkeyName: deviceName(), response });
    return await afterCodes(answer, fileName, "/");
  },
  join: async ({ code = "", name = "" }, fileName) => {
    const response = await registration("POST /api/join/options", { code, name });
    const answer = await send("POST /api/join", { code, passkeyName: deviceName(), response });
    return await afterCodes(answer, fileName, "/");
  },
  "add-passkey": async ({ name = "" }) => {
    const response = await registration("POST /api/account/passkeys/options", {});
    await send("POST /api/account/passkeys", { name, response });
    return here();
  },
  codes: async (_fields, fileName) =>
    await afterCodes(await send("POST /api/account/recovery-codes"), fileName, here()),
  pair: async () => {
    const { url } = (await send("POST /api/pairing-codes")) as { url: string }; // the route's own answer
    const box = part("pairing");
    box.hidden = false;
    const code = box.querySelector("code");
    if (code) code.textContent = `npm run porchlight -- connect ${url}`;
    return undefined;
  },
  device: async ({ userCode = "" }) => {
    const { id } = (await send("POST /api/device-authorizations/find", { userCode })) as { id: string }; // as above
    return `/device/${id}`;
  },
  "make-key": makeKey,
  "change-key": changeKey,
  "make-job": makeJob,
  "make-webhook": makeWebhook,
  "rotate-webhook": rotateWebhook,
  "make-hook": makeHook,
  "rotate-hook": rotateHook,
  "save-instructions": saveInstructions,
  "make-schedule": makeSchedule,
  "change-schedule": changeSchedule,
  "upload-package": uploadPackage,
  "inspect-plugin": inspectPlugin,
  "inspect-from-market": inspectFromMarket,
  "install-plugin": installPlugin,
  "look-at-server": lookAtServer,
  "mount-server": mountServer,
  "sign-in-at-server": signInAtServer,
  "oauth-decision": async (fields) => {
    const { to } = (await send("POST /api/oauth/decision", fields)) as { to: string }; // the route's own answer
    return to;
  },
  "grant-plugin": grantPlugin,
  invite: async ({ role = "" }) => {
    const { url } = (await send("POST /api/invitations", { role })) as { url: string }; // the route's own answer
    const box = part("invitation");
    box.hidden = false;
    const code = box.querySelector("code");
    if (code) code.textContent = url;
    return undefined;
  },
};

/** Offers passkeys in the name field, where the browser can; signs in once one is picked. Rejects as passkey prompts do. */
export async function offerPasskeys(): Promise<void> {
  await send("POST /api/sign-in", { response: await assertion(true) });
}

async function assertion(inField: boolean) {
  const optionsJSON = (await send("POST /api/sign-in/options")) as AuthenticationOptions;
  return await startAuthentication({ optionsJSON, useBrowserAutofill: inField });
}

async function registration(request: string, body: object) {
  // Our own edge made it with the library's other half.
  const optionsJSON = (await send(request, body)) as RegistrationOptions;
  return await startRegistration({ optionsJSON });
}

async function afterCodes(answer: unknown, fileName: string, next: string): Promise<string> {
  for (const form of document.querySelectorAll<HTMLElement>("form[data-flow]")) form.hidden = true;
  const { recoveryCodes } = answer as { recoveryCodes: string[] }; // the route's own answer
  await showCodes(recoveryCodes, fileName);
  return next;
}

function here(): string {
  return location.pathname === "/sign-in" ? "/" : location.href;
}

/** A first name for a first passkey: its person may change it. */
function deviceName(): string {
  const systems: [string, RegExp][] = [
    ["iPhone", /iPhone/],
    ["iPad", /iPad/],
    ["Android", /Android/],
    ["Windows", /Windows/],
    ["Mac", /Mac OS X/],
    ["Linux", /Linux/],
  ];
  return systems.find(([, pattern]) => pattern.test(navigator.userAgent))?.[0] ?? "Passkey";
}

import { permissionWords } from "../../../../shared/plugin/permission-words.ts";
import type { Permissions } from "../../../../shared/plugin/manifest.ts";
import { permissionsOf } from "../../plugins/grants.ts";
import type { Flow } from "../access/flows.ts";
import { refusalOf, send } from "../access/request.ts";
import { part, partOf } from "../ui/dom.ts";

/** The edge's own answer to `POST /api/plugins/inspect`, as far as this page shows it. */
type Inspected = {
  name: string;
  version: string;
  hash: string;
  description: { en: string; zh: string };
  signer: string | null;
  asks: Permissions;
  installed: { version: string; signer: string | null } | null;
};

/** Sends the package that was picked and shows what it asks for. */
export const inspectPlugin: Flow = async () => {
  const [file] = partOf(HTMLInputElement, "package").files ?? [];
  if (file === undefined) return undefined;
  await show(file);
  return undefined;
};

/** The same of a plugin of the market, by its hash. */
export const inspectFromMarket: Flow = async ({ hash = "" }) => {
  const response = await fetch(`/api/market/packages/${hash}`);
  if (!response.ok) throw await refusalOf(response);
  await show(await response.blob());
  return undefined;
};

export const installPlugin: Flow = async ({ consent = "" }) => {
  await send("POST /api/plugins", JSON.parse(consent) as object); // as `show` wrote it
  return "/plugins";
};

/** What is marked is granted, and nothing else. */
export const grantPlugin: Flow = async ({ path = "", ...marked }) => {
  await send(`PATCH ${path}`, { permissions: permissionsOf(Object.keys(marked)), ...whereabouts() });
  return location.href;
};

/** For what runs by itself: at which times, and in which language. */
function whereabouts(): { locale: string; timeZone: string } {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  return { locale: document.documentElement.lang === "zh-CN" ? "zh-CN" : "en", timeZone };
}

async function show(body: Blob): Promise<void> {
  const headers = { "content-type": "application/octet-stream" };
  const response = await fetch("/api/plugins/inspect", { method: "POST", headers, body });
  if (!response.ok) throw await refusalOf(response);
  const { name, version, hash, description, signer, asks, installed } = (await response.json()) as Inspected;
  const panel = partOf(HTMLFormElement, "consent");
  const isChinese = document.documentElement.lang === "zh-CN";
  part("consent-title", panel).textContent = `${name} ${version}`;
  part("consent-text", panel).textContent = isChinese ? description.zh : description.en;
  part("consent-notes", panel).textContent = [installed?.version, signer].filter(Boolean).join(" · ");
  const items = permissionWords(asks, isChinese ? "zh-CN" : "en").map(({ risk, text }) => {
    const item = document.createElement("li");
    item.dataset["risk"] = risk;
    item.textContent = text;
    return item;
  });
  part("consent-list", panel).replaceChildren(...items);
  const newSigner = installed !== null && installed.signer !== signer;
  const field = panel.elements.namedItem("consent");
  if (field instanceof HTMLInputElement)
    field.value = JSON.stringify({ hash, permissions: asks, newSigner, ...whereabouts() });
  panel.hidden = false;
  part("consent-title", panel).focus();
}

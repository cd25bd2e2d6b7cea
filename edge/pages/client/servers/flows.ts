import type { Flow } from "../access/flows.ts";
import { RefusedError, send } from "../access/request.ts";
import { part, partOf } from "../ui/dom.ts";

/** The edge's own answer to `POST /api/mcp-servers/look`, as far as this page shows it. */
type Looked = { tools: { name: string; description: string; effect: "read" | "write" }[]; digest: string };

/** Looks at a server and shows what it offers; where it wants its person to sign in, goes to its page. */
export const lookAtServer: Flow = async (fields) => {
  const { name = "", url = "", agentId = "", server = "", bearer = "" } = fields;
  const from = agentId === "" ? { kind: "remote", url } : { kind: "machine", agentId, server };
  const secret = bearer === "" ? {} : { bearer };
  try {
    const looked = (await send("POST /api/mcp-servers/look", { from, name, ...secret })) as Looked; // the route's own answer
    show(name, looked, { name, from, ...secret, digest: looked.digest });
    return undefined;
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== "mcp_sign_in_needed") throw error;
    return await pageOf(name, url);
  }
};

export const signInAtServer: Flow = async ({ name = "", url = "" }) => await pageOf(name, url);

export const mountServer: Flow = async ({ mount = "" }) => {
  await send("POST /api/mcp-servers", JSON.parse(mount) as object); // as `show` wrote it
  return "/plugins/servers";
};

async function pageOf(name: string, url: string): Promise<string> {
  const page = (await send("POST /api/mcp-sign-ins", { name, url })) as { url: string }; // the route's own answer
  return page.url;
}

function show(name: string, { tools }: Looked, mount: object): void {
  const panel = partOf(HTMLFormElement, "server-look");
  part("server-look-title", panel).textContent = name;
  const items = tools.map((tool) => {
    const item = document.createElement("li");
    const isWrite = tool.effect === "write";
    item.dataset["risk"] = isWrite ? "high" : "low";
    const code = document.createElement("code");
    code.textContent = tool.name;
    const description = document.createElement("span");
    description.className = "muted";
    description.textContent = tool.description.split("\n")[0]?.slice(0, 160) ?? "";
    const words = document.createElement("span");
    const effect = (isWrite ? panel.dataset["changes"] : panel.dataset["reads"]) ?? "";
    words.append(code, ` ${effect}`, document.createElement("br"), description);
    item.append(words);
    return item;
  });
  part("server-look-list", panel).replaceChildren(...items);
  const field = panel.elements.namedItem("mount");
  if (field instanceof HTMLInputElement) field.value = JSON.stringify(mount);
  panel.hidden = false;
  part("server-look-title", panel).focus();
}

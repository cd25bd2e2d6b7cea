import { useRemote } from "../../../edge/home/mcp/remote-server.ts";
import { ServerSignIns } from "../../../edge/home/mcp/sign-in/server-sign-ins.ts";
import type { SignIn } from "../../../edge/home/mcp/sign-in/sign-in.ts";
import { PorchlightError } from "../../../shared/errors.ts";

/**
 * What `@modelcontextprotocol/conformance client --suite auth` starts: this product's sign-in at a mounted server, kept in memory, with a
 * person who agrees to everything. Its tools are listed and called once each.
 */
const url = process.argv.at(-1) ?? "";
const allowed = [{ host: "localhost", port: undefined }];
const sealed = new Map<string, string>();
const rows = new Map<string, SignIn>();
const signIns = new ServerSignIns({
  allowed,
  table: {
    of: () => [...rows.values()],
    put: (_, row) => void rows.set(row.name, row),
    remove: (_, name) => void rows.delete(name),
    removeOf: () => rows.clear(),
  },
  sealed: {
    get: async (...parts) => await Promise.resolve(sealed.get(parts.join(" "))),
    put: async (userId, name, part, value) =>
      await Promise.resolve(void sealed.set(`${userId} ${name} ${part}`, value)),
    remove: (...parts) => void sealed.delete(parts.join(" ")),
  },
});
const CLIENT = {
  redirectUrl: "http://localhost:3000/plugins/servers/callback",
  // Where the suite wants it to be; nobody fetches it.
  documentUrl: "https://conformance-test.local/client-metadata.json",
};
/** A person gives up after as many pages. */
const PAGES = 3;

async function signIn(): Promise<void> {
  const page = await signIns.begin("ada", { name: "there", url }, CLIENT);
  const agreed = await fetch(page, { redirect: "manual" });
  const { searchParams } = new URL(agreed.headers.get("location") ?? "");
  const field = (name: string): string | undefined => searchParams.get(name) ?? undefined;
  await signIns.finish("ada", {
    state: field("state") ?? "",
    code: field("code"),
    error: field("error"),
    iss: field("iss"),
  });
}

async function useAll(): Promise<void> {
  const access = { url, bearer: undefined, tokens: signIns.tokensFor("ada", "there", url), allowed };
  await useRemote(access, async (client) => {
    for (const { name, digest } of await client.tools()) {
      const call = { tool: name, digest, input: {}, signal: AbortSignal.timeout(20_000) };
      console.log(name, JSON.stringify(await client.call(call)));
    }
  });
}

for (let page = 0; ; page++) {
  try {
    await useAll();
    break;
  } catch (error) {
    if (!(error instanceof PorchlightError) || error.code !== "mcp_sign_in_needed" || page === PAGES) throw error;
    await signIn();
  }
}

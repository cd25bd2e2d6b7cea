import { PorchlightError } from "../../../shared/errors.ts";
import { BUNDLED_MODEL } from "../registry.ts";

/** Where a model comes from. */
export type Source =
  | {
      kind: "hub";
      repo: string;
      revision: string /** A file of the repository, or a quantisation such as Q4_K_M. */;
      wanted?: string;
    }
  | { kind: "url"; url: string }
  | { kind: "path"; path: string };

const REPO = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;
const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * What a user means by `text`: `hf:org/repo` or `org/repo`, each with `:file` or `:quantisation` and `@revision` behind it; an address of
 * the hub's own pages; any other https address of a file; or a path (`./`, `/`, `~/`). Throws `invalid_request`.
 */
export function parseSource(text: string, endpoint: string): Source {
  if (/^(\.{1,2}(\/|$)|\/|~\/)/.test(text)) return { kind: "path", path: text };
  if (/^https?:\/\//i.test(text)) return parseUrl(text, endpoint);
  const [repo = "", ...options] = text.replace(/^hf:/, "").split(/(?=[:@])/);
  if (!REPO.test(repo)) {
    throw invalid(
      `"${text.slice(0, 200)}" is no model. Say org/repo, an https address of a .gguf file, or a path such as ./model.`,
    );
  }
  return { kind: "hub", repo, revision: "main", ...readOptions(options, text) };
}

function readOptions(options: readonly string[], text: string): { revision?: string; wanted?: string } {
  const read: { revision?: string; wanted?: string } = {};
  for (const option of options) {
    const key = option.startsWith("@") ? "revision" : "wanted";
    const value = option.slice(1);
    if (value === "" || read[key] !== undefined)
      throw invalid(`"${text.slice(0, 200)}": give each of :file and @revision once.`);
    read[key] = value;
  }
  return read;
}

function parseUrl(text: string, endpoint: string): Source {
  const url = URL.parse(text);
  if (url === null) throw invalid(`"${text.slice(0, 200)}" is no valid address.`);
  const base = `${endpoint}/`;
  if (!url.href.startsWith(base)) return { kind: "url", url: url.href };
  const [org = "", name = "", view, revision, ...file] = decodeURIComponent(
    url.pathname.slice(new URL(base).pathname.length),
  ).split("/");
  if (!REPO.test(`${org}/${name}`)) throw invalid(`"${text.slice(0, 200)}" is no model's page.`);
  const wanted = view === "blob" || view === "resolve" ? file.join("/") : "";
  return { kind: "hub", repo: `${org}/${name}`, revision: revision || "main", ...(wanted === "" ? {} : { wanted }) };
}

/** How a source is written down in a manifest, so that it can be pulled again. */
export function describeSource(source: Source): string {
  if (source.kind === "hub") return `hf:${source.repo}${source.wanted === undefined ? "" : `:${source.wanted}`}`;
  return source.kind === "url" ? source.url : source.path;
}

/** A name that a model can have here: a plain folder name, and not the bundled model's, which it would hide. Throws `invalid_request`. */
export function checkModelName(name: string): string {
  if (name === BUNDLED_MODEL)
    throw invalid(`"${name}" is the model that comes with Porchlight. Give another name (--as NAME).`);
  if (MODEL_NAME.test(name)) return name;
  throw invalid(`"${name.slice(0, 200)}" cannot be a model's name. Use letters, digits, '.', '_' and '-' (--as NAME).`);
}

function invalid(message: string): PorchlightError {
  return new PorchlightError("invalid_request", message, { param: "model" });
}

import type { Flow } from "../access/flows.ts";
import { refusalOf } from "../access/request.ts";
import { partOf } from "../ui/dom.ts";

/** Sends the package that was picked, as it is. */
export const uploadPackage: Flow = async () => {
  const [file] = partOf(HTMLInputElement, "package").files ?? [];
  if (file === undefined) return undefined;
  const headers = { "content-type": "application/octet-stream" };
  const response = await fetch("/api/market/packages", { method: "POST", headers, body: file });
  if (!response.ok) throw await refusalOf(response);
  return location.href;
};

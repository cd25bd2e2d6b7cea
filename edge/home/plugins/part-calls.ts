import { ANY_PUBLIC_HOST, type Permissions } from "../../../shared/plugin/manifest.ts";
import type { CalledPart } from "../../../shared/plugin/parts.ts";
import type { Installed } from "./installed.ts";
import type { OfferedTool } from "./tool-box.ts";

/**
 * Whether its person lets a part be called. A webhook needs no grant: without an address, which its person makes, nothing calls it. Nor
 * does knowledge: it is asked what a tool of it would be, where a conversation is set to.
 */
export function isPartGranted(part: CalledPart, { turns, schedule }: Permissions): boolean {
  if (part === "schedule") return schedule === true;
  return part === "webhook" || part === "knowledge" || turns === "read";
}

/**
 * Whether what comes of it may hold what strangers wrote. By what it asks for, not by what it has now: it may have kept what it fetched
 * yesterday, or what was sent to it.
 */
export function taints({ manifest, parts }: Pick<Installed, "manifest" | "parts">): boolean {
  const { net, files, tools, storageBytes } = manifest.permissions;
  const hears = net.length > 0 || files || tools.length > 0 || parts.some(({ part }) => part === "webhook");
  // What it keeps, a model may have told it that was reading strangers then.
  return hears || storageBytes > 0;
}

/** Where what it is called with may go: by what it has now. */
export function sends({ permissions: { net, tools } }: Pick<Installed, "permissions">): OfferedTool["sends"] {
  if (net.includes(ANY_PUBLIC_HOST)) return "anywhere";
  return net.length > 0 || tools.length > 0 ? "granted" : "nowhere";
}

import { type AllowedHost, parseAllowedHosts } from "../../shared/net/outbound-url.ts";
import type { EdgeBindings } from "../env.ts";

/** Hosts of one's own network that this edge may send to. A list that cannot be read allows none, and says so in the log. */
export function allowedHosts({ WEBHOOK_HOSTS = "" }: Pick<EdgeBindings, "WEBHOOK_HOSTS">): AllowedHost[] {
  try {
    return parseAllowedHosts(WEBHOOK_HOSTS);
  } catch (error) {
    console.error("WEBHOOK_HOSTS cannot be read, so no private host is allowed:", error);
    return [];
  }
}

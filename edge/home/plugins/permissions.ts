import { PorchlightError } from "../../../shared/errors.ts";
import { ANY_PUBLIC_HOST, type Permissions } from "../../../shared/plugin/manifest.ts";

const LISTS = ["net", "secrets", "tools"] as const;

/** Throws PorchlightError `invalid_request` where more would be granted than the plugin asks for. */
export function requireWithin(granted: Permissions, asked: Permissions): Permissions {
  const isWithin =
    LISTS.every((list) => granted[list].every((one) => asked[list].includes(one))) &&
    (asked.model || !granted.model) &&
    (asked.files || !granted.files) &&
    (asked.turns === "read" || granted.turns === undefined) &&
    (asked.schedule === true || granted.schedule === undefined) &&
    granted.storageBytes <= asked.storageBytes;
  if (isWithin) return granted;
  const sentence = "No more can be granted than the plugin asks for in its manifest.";
  throw new PorchlightError("invalid_request", sentence, { param: "permissions" });
}

/** What `after` has that `before` had not; of storage, all of it where it is more. */
export function beyond(after: Permissions, before: Permissions): Permissions {
  const anywhere = before.net.includes(ANY_PUBLIC_HOST);
  return {
    net: anywhere ? [] : without(after.net, before.net),
    secrets: without(after.secrets, before.secrets),
    tools: without(after.tools, before.tools),
    model: after.model && !before.model,
    files: after.files && !before.files,
    storageBytes: after.storageBytes > before.storageBytes ? after.storageBytes : 0,
    ...(after.turns === "read" && before.turns === undefined ? { turns: "read" as const } : {}),
    ...(after.schedule === true && before.schedule === undefined ? { schedule: true as const } : {}),
  };
}

export function isNothing({ net, secrets, tools, model, files, storageBytes, turns, schedule }: Permissions): boolean {
  const some = net.length + secrets.length + tools.length > 0 || model || files || storageBytes > 0;
  return !some && turns === undefined && schedule === undefined;
}

/** What was granted, as far as another version asks for it. */
export function carriedOver(granted: Permissions, asks: Permissions): Permissions {
  const anywhere = granted.net.includes(ANY_PUBLIC_HOST);
  return {
    net: anywhere ? asks.net : both(granted.net, asks.net),
    secrets: both(granted.secrets, asks.secrets),
    tools: both(granted.tools, asks.tools),
    model: granted.model && asks.model,
    files: granted.files && asks.files,
    storageBytes: Math.min(granted.storageBytes, asks.storageBytes),
    ...(granted.turns === "read" && asks.turns === "read" ? { turns: "read" as const } : {}),
    ...(granted.schedule === true && asks.schedule === true ? { schedule: true as const } : {}),
  };
}

/** Both together. */
export function together(one: Permissions, other: Permissions): Permissions {
  const net = [...new Set([...one.net, ...other.net])];
  const turns = one.turns ?? other.turns;
  const schedule = one.schedule ?? other.schedule;
  return {
    net: net.includes(ANY_PUBLIC_HOST) ? [ANY_PUBLIC_HOST] : net,
    secrets: [...new Set([...one.secrets, ...other.secrets])],
    tools: [...new Set([...one.tools, ...other.tools])],
    model: one.model || other.model,
    files: one.files || other.files,
    storageBytes: Math.max(one.storageBytes, other.storageBytes),
    ...(turns === undefined ? {} : { turns }),
    ...(schedule === undefined ? {} : { schedule }),
  };
}

/** What an earlier version may have once its person was asked for `asks` and granted `granted`: nothing of what was refused. */
export function withheld(earlier: Permissions, asks: Permissions, granted: Permissions): Permissions {
  const refusedHosts = without(asks.net, granted.net);
  const isRefused = (host: string): boolean =>
    refusedHosts.some((refused) => refused === host || refused === ANY_PUBLIC_HOST || host === ANY_PUBLIC_HOST);
  const refused = beyond(asks, granted);
  return {
    net: earlier.net.filter((host) => !isRefused(host)),
    secrets: without(earlier.secrets, refused.secrets),
    tools: without(earlier.tools, refused.tools),
    model: earlier.model && !refused.model,
    files: earlier.files && !refused.files,
    storageBytes:
      refused.storageBytes > 0 ? Math.min(earlier.storageBytes, granted.storageBytes) : earlier.storageBytes,
    ...(earlier.turns === "read" && refused.turns === undefined ? { turns: "read" as const } : {}),
    ...(earlier.schedule === true && refused.schedule === undefined ? { schedule: true as const } : {}),
  };
}

function without(list: readonly string[], other: readonly string[]): string[] {
  return list.filter((one) => !other.includes(one));
}

function both(list: readonly string[], other: readonly string[]): string[] {
  return list.filter((one) => other.includes(one));
}

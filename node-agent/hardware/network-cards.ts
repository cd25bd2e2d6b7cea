import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";
import { type WakeTarget, wakeTargetSchema } from "../../shared/protocol/messages.ts";

/** A network card's address on an IPv4 network of a home, and where to send what all on it shall hear. */
export interface NetworkCard extends WakeTarget {
  address: string;
  broadcast: string;
}

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/** The cards of this machine that a magic packet could come in on. Loopback, point-to-point and made-up addresses are left out. */
export function networkCards(interfaces: Interfaces = networkInterfaces()): NetworkCard[] {
  return Object.values(interfaces).flatMap((entries) => (entries ?? []).flatMap((entry) => cardOf(entry)));
}

function cardOf({ family, internal, address, netmask, mac }: NetworkInterfaceInfo): NetworkCard[] {
  if (family !== "IPv4" || internal) return [];
  const [ip, mask] = [toNumber(address), toNumber(netmask)];
  const prefix = Math.clz32(~mask);
  // A network of one or two machines has nobody to wake the other.
  if (prefix > 30) return [];
  const card = { mac: mac.toLowerCase(), network: `${toAddress(ip & mask)}/${prefix}` };
  const parsed = wakeTargetSchema.safeParse(card);
  return parsed.success ? [{ ...parsed.data, address, broadcast: toAddress(ip | ~mask) }] : [];
}

function toNumber(address: string): number {
  return address.split(".").reduce((number, part) => (number << 8) | Number(part), 0);
}

function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}

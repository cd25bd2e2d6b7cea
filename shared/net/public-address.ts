import { parseIpv4, parseIpv6 } from "./ip-address.ts";

type Block = readonly [prefix: readonly number[], bits: number];

/** What of IPv4 is not the public Internet: IANA's special-purpose registry, multicast, and what clouds keep for themselves. */
const IPV4_SPECIAL: readonly Block[] = [
  [[0], 8], // this network
  [[10], 8], // private
  [[100, 64], 10], // carriers' NAT, and Alibaba's metadata
  [[127], 8], // loopback
  [[168, 63, 129, 16], 32], // Azure's own host
  [[169, 254], 16], // link-local, and most clouds' metadata
  [[172, 16], 12], // private
  [[192, 0, 0], 24], // protocol assignments, and Oracle's metadata
  [[192, 0, 2], 24], // documentation
  [[192, 88, 99], 24], // former 6to4 relays
  [[192, 168], 16], // private
  [[198, 18], 15], // benchmarks
  [[198, 51, 100], 24], // documentation
  [[203, 0, 113], 24], // documentation
  [[224], 4], // multicast
  [[240], 4], // reserved, and broadcast
];

/** Of IPv6 only this is given out for the public Internet, */
const IPV6_GLOBAL: Block = [[0x20], 3];
/** without these. */
const IPV6_SPECIAL: readonly Block[] = [
  [[0x20, 0x01, 0x00], 23], // protocol assignments: Teredo, ORCHID, benchmarks
  [[0x20, 0x01, 0x0d, 0xb8], 32], // documentation
  [[0x20, 0x02], 16], // 6to4: an IPv4 address inside
  [[0x3f, 0xff], 20], // documentation
];
/** IPv6 addresses that mean the IPv4 address in their last 4 bytes: mapped ones, and those of NAT64 (RFC 6052). */
const IPV4_INSIDE: readonly Block[] = [
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 96],
  [[0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], 96],
];

/**
 * Whether an IP address, as a resolver gives it, is one of the public Internet: not of this machine, its networks, a cloud's own
 * services, nor of a range that nobody has. What is no address is not public.
 */
export function isPublicAddress(address: string): boolean {
  const v4 = parseIpv4(address);
  if (v4 !== undefined) return isPublicIpv4(v4);
  const v6 = parseIpv6(address);
  if (v6 === undefined) return false;
  if (IPV4_INSIDE.some((block) => isIn(v6, block))) return isPublicIpv4(v6.slice(12));
  return isIn(v6, IPV6_GLOBAL) && !IPV6_SPECIAL.some((block) => isIn(v6, block));
}

function isPublicIpv4(bytes: readonly number[]): boolean {
  return !IPV4_SPECIAL.some((block) => isIn(bytes, block));
}

/** Whether the first `bits` bits are those of the prefix, which may leave out zeros at its end. */
function isIn(bytes: readonly number[], [prefix, bits]: Block): boolean {
  for (let done = 0; done < bits; done += 8) {
    const mask = 0xff & (0xff << Math.max(0, 8 - (bits - done)));
    if (((bytes[done / 8] ?? 0) & mask) !== ((prefix[done / 8] ?? 0) & mask)) return false;
  }
  return true;
}

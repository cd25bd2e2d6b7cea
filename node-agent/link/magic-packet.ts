import { createSocket } from "node:dgram";
import { type NetworkCard, networkCards } from "../hardware/network-cards.ts";
import type { WakeTarget } from "../../shared/protocol/messages.ts";

/** The discard port: nothing answers there, and cards look at the payload alone. */
const PORT = 9;
/** UDP may lose one. */
const TIMES = 3;
const AGAIN_MS = 100;

/**
 * What wakes a sleeping network card (AMD's Magic Packet, 1995): six bytes of ones, then its address sixteen times.
 * @param mac six pairs of hexadecimal digits with colons
 */
export function magicPacket(mac: string): Uint8Array {
  const address = mac.split(":").map((pair) => Number.parseInt(pair, 16));
  return Uint8Array.from([
    ...Array.from({ length: 6 }, () => 0xff),
    ...Array.from({ length: 16 }, () => address).flat(),
  ]);
}

/**
 * Sends magic packets to those targets whose network this machine is on, out of the card that is on it, to that network's broadcast
 * address. Returns how many targets it was on a network with.
 */
export async function sendWake(
  targets: readonly WakeTarget[],
  cards: readonly NetworkCard[] = networkCards(),
  port = PORT,
): Promise<number> {
  const near = targets.flatMap(({ mac, network }) => {
    const card = cards.find((one) => one.network === network);
    return card === undefined ? [] : [{ mac, card }];
  });
  await Promise.all(near.map(({ mac, card }) => broadcast(magicPacket(mac), card, port)));
  return near.length;
}

async function broadcast(packet: Uint8Array, { address, broadcast: to }: NetworkCard, port: number): Promise<void> {
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      // Bound to the card's own address: the system would send it out of the default one.
      socket.bind(0, address, resolve);
    });
    socket.setBroadcast(true);
    for (let times = 0; times < TIMES; times++) {
      if (times > 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      await new Promise<void>((resolve, reject) => {
        socket.send(packet, port, to, (error) => (error ? reject(error) : resolve()));
      });
    }
  } finally {
    socket.close();
  }
}

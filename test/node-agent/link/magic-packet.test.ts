import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { NetworkInterfaceInfo } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type NetworkCard, networkCards } from "../../../node-agent/hardware/network-cards.ts";
import { magicPacket, sendWake } from "../../../node-agent/link/magic-packet.ts";

const MAC = "3c:52:82:0a:1b:2c";
const LOOPBACK: NetworkCard = { mac: MAC, network: "127.0.0.0/8", address: "127.0.0.1", broadcast: "127.255.255.255" };

describe("a magic packet", () => {
  let socket: Socket;
  let port: number;
  const heard: Buffer[] = [];
  beforeEach(async () => {
    heard.length = 0;
    socket = createSocket("udp4");
    socket.on("message", (message) => heard.push(message));
    socket.bind(0);
    await once(socket, "listening");
    port = socket.address().port;
  });
  afterEach(() => socket.close());

  it("is six bytes of ones and sixteen times the address, and arrives by broadcast", async () => {
    expect(await sendWake([{ mac: MAC, network: "127.0.0.0/8" }], [LOOPBACK], port)).toBe(1);
    if (heard.length === 0) await once(socket, "message");
    const address = Buffer.from("3c52820a1b2c", "hex");
    expect(heard[0]).toEqual(Buffer.concat([Buffer.alloc(6, 0xff), ...Array.from({ length: 16 }, () => address)]));
    expect(magicPacket(MAC).length).toBe(102);
  });

  it("goes to no network that this machine is not on", async () => {
    expect(await sendWake([{ mac: MAC, network: "10.0.0.0/8" }], [LOOPBACK], port)).toBe(0);
    expect(await sendWake([], [LOOPBACK], port)).toBe(0);
  });
});

describe("the network cards", () => {
  const entry = (change: Partial<NetworkInterfaceInfo>): NetworkInterfaceInfo => ({
    family: "IPv4",
    address: "192.168.1.77",
    netmask: "255.255.255.0",
    mac: "3C:52:82:0A:1B:2C",
    internal: false,
    cidr: null,
    ...(change as object), // IPv4 and IPv6 entries are two types
  });

  it("are told with the network they are on and where to reach all of it", () => {
    const other = entry({ address: "10.20.30.40", netmask: "255.255.240.0" });
    expect(networkCards({ eth0: [entry({})], wlan0: [other] })).toEqual([
      { mac: MAC, network: "192.168.1.0/24", address: "192.168.1.77", broadcast: "192.168.1.255" },
      { mac: MAC, network: "10.20.16.0/20", address: "10.20.30.40", broadcast: "10.20.31.255" },
    ]);
  });

  it("are those that a packet could come in on", () => {
    const none = [
      entry({ internal: true }),
      entry({ family: "IPv6" } as never), // the entry's other type
      entry({ mac: "00:00:00:00:00:00" }),
      entry({ mac: "01:00:5e:00:00:01" }),
      entry({ netmask: "255.255.255.255" }),
      entry({ netmask: "255.255.255.254" }),
    ];
    expect(networkCards({ x: none })).toEqual([]);
    expect(networkCards({ x: undefined })).toEqual([]);
  });
});

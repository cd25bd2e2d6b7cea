import { readMachineSettings } from "../agent/machine-file.ts";
import { dataFolder } from "../data-folder.ts";
import { networkCards } from "../hardware/network-cards.ts";
import { sendWake } from "../link/magic-packet.ts";
import { wakeTargetSchema } from "../../shared/protocol/messages.ts";
import { CommandError } from "./command-error.ts";
import { decide } from "./drain.ts";
import { say, styled } from "./terminal.ts";

/**
 * `porchlight wake`: says whether siblings may wake this machine, `on` and `off` change it, and a card's address wakes the machine that
 * has it, from here.
 */
export async function wake(flags: { data?: string }, what: string | undefined): Promise<number> {
  const folder = dataFolder(flags.data);
  const cards = networkCards();
  if (what === "on" || what === "off") {
    if (what === "on" && cards.length === 0) {
      throw new CommandError("not_ready", "This machine is on no network that it could be woken over.");
    }
    await decide(folder, { wake: what === "on" });
  } else if (what !== undefined) return await wakeNow(what);
  const isOn = (await readMachineSettings(folder.machine)).wake;
  const addresses = cards.map(({ mac, network }) => `  ${mac} on ${network}`);
  if (!isOn) {
    say(
      "Siblings may not wake this machine, nor it them. 'porchlight wake on' allows it: your edge then learns these addresses.",
    );
    say(addresses.join("\n"));
  } else {
    say(`${styled("green", "✓")} Siblings may wake this machine, and it them. Your edge knows these addresses:`);
    say(addresses.join("\n"));
    say("Wake-on-LAN must be on in the machine's firmware and for its network card, too.");
  }
  return 0;
}

async function wakeNow(text: string): Promise<number> {
  const mac = wakeTargetSchema.shape.mac.safeParse(text.toLowerCase().replaceAll("-", ":"));
  if (!mac.success) {
    throw new CommandError(
      "bad_usage",
      `'porchlight wake' takes on, off or an address such as 3c:52:82:0a:1b:2c, not "${text.slice(0, 80)}".`,
    );
  }
  const targets = networkCards().map(({ network }) => ({ mac: mac.data, network }));
  const sent = await sendWake(targets);
  if (sent === 0) throw new CommandError("not_ready", "This machine is on no network that it could send to.");
  say(`${styled("green", "✓")} Sent to ${targets.map(({ network }) => network).join(", ")}.`);
  return 0;
}

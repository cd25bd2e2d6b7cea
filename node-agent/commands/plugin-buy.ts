import { z } from "zod";
import { askMarket as ask } from "../market/market-api.ts";
import { CommandError } from "./command-error.ts";
import { edgeAccess } from "./edge-access.ts";
import type { PluginFlags } from "./plugin.ts";
import { printable, say } from "./terminal.ts";

const priceSchema = z.object({
  currency: z.string().regex(/^[A-Z]{3}$/),
  minorUnits: z.number(),
  every: z.enum(["month", "year"]).nullable(),
});
const purchaseSchema = z.object({
  id: z.string(),
  title: z.string(),
  price: priceSchema,
  checkoutUrl: z.url({ protocol: /^https?$/ }).nullable(),
});

/** `porchlight plugin buy @publisher/name`: begins a purchase, and says where to pay. No money moves but there. */
export async function buyPlugin(flags: PluginFlags, [plugin]: string[]): Promise<number> {
  if (plugin?.startsWith("@") !== true)
    throw new CommandError("bad_usage", "Name a plugin of the market: porchlight plugin buy @who/name");
  const asked = { method: "POST", body: { plugin }, schema: purchaseSchema, what: "buy this plugin" } as const;
  const { id, title, price, checkoutUrl } = await ask(await edgeAccess(flags), "/api/market/purchases", asked);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ id, checkoutUrl })}\n`);
    return 0;
  }
  say(`${printable(title)}: ${priceWords(price)}. Pay here, in a browser:`);
  process.stdout.write(`${checkoutUrl ?? ""}\n`);
  say(`Then:  porchlight plugin install ${plugin}`);
  return 0;
}

function priceWords({ currency, minorUnits, every }: z.infer<typeof priceSchema>): string {
  const money = new Intl.NumberFormat("en", { style: "currency", currency });
  const amount = money.format(minorUnits / 10 ** (money.resolvedOptions().maximumFractionDigits ?? 2));
  return every === null ? amount : `${amount} per ${every}`;
}

import type { Statement, StatementLine } from "./earnings.ts";

const HEADER = ["date", "what", "plugin", "reference", "gross", "amount", "balance", "currency"];

/** A statement as CSV (RFC 4180), amounts in the currency's own units, the balance after each line. */
export function statementCsv({ opening, closing, lines }: Statement, currency: string): string {
  const money = moneyOf(currency);
  let balance = opening;
  const rows = lines.map((line) => {
    balance += line.amount;
    const { plugin, reference, gross } = detailsOf(line);
    const date = new Date(line.atMs).toISOString();
    return [
      date,
      line.event.type,
      plugin,
      reference,
      gross === undefined ? "" : money(gross),
      money(line.amount),
      money(balance),
      currency,
    ];
  });
  const edge = (what: string, amount: number): string[] => ["", what, "", "", "", "", money(amount), currency];
  return [HEADER, edge("opening", opening), ...rows, edge("closing", closing)]
    .map((row) => `${row.map(cell).join(",")}\r\n`)
    .join("");
}

function detailsOf({ event }: StatementLine): { plugin: string; reference: string; gross: number | undefined } {
  if (!("purchaseId" in event)) return { plugin: "", reference: event.payoutId, gross: undefined };
  const gross = event.type === "paid" ? event.gross : event.type === "refunded" ? -event.amount : undefined;
  // Without the @: a spreadsheet would take it for a formula.
  const plugin = event.type === "paid" ? event.plugin.replace(/^@/, "") : "";
  return { plugin, reference: event.purchaseId, gross };
}

/** Minor units as the currency's own: 1234 of USD is 12.34, of JPY 1234. */
function moneyOf(currency: string): (amount: number) => string {
  const digits =
    new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return (amount) => (amount / 10 ** digits).toFixed(digits);
}

/** Quoted where it must be; never the beginning of a formula, but for numbers. */
function cell(text: string): string {
  const plain = /^[=+@\t\r]|^-(?!\d)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

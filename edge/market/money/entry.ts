/** One line of a transaction. The lines of each sum to zero. */
export interface Entry {
  account: string;
  currency: string;
  /** Minor units: positive where the account's owner has more to give (debit), negative where more is owed to it (credit). */
  amount: number;
}

/** What lies with the payment provider. */
export const PROVIDER = "provider";
/** What the market has earned. */
export const MARKET = "market";
/** What banks took back until disputes are decided. */
export const DISPUTED = "disputed";
/** A developer's earnings that buyers may still ask back. */
export const held = (publisherId: string): string => `held:${publisherId}`;
/** A developer's earnings that can be paid out; below zero, what the developer owes. */
export const available = (publisherId: string): string => `available:${publisherId}`;
/** On the way to a developer. */
export const transit = (publisherId: string): string => `transit:${publisherId}`;

/** Moves of money as lines; those of nothing are left out. Throws where they do not sum to zero: that is an error of this program. */
export function transaction(currency: string, moves: readonly (readonly [account: string, amount: number])[]): Entry[] {
  const sum = moves.reduce((total, [, amount]) => total + amount, 0);
  if (sum !== 0 || !moves.every(([, amount]) => Number.isSafeInteger(amount))) {
    throw new Error(`A transaction of the ledger does not sum to zero: ${JSON.stringify(moves)}`);
  }
  return moves.filter(([, amount]) => amount !== 0).map(([account, amount]) => ({ account, currency, amount }));
}

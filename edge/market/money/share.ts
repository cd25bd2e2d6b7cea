/** Of what buyers pay, in percent; rounded down to whole minor units. The rest is the market's. */
const DEVELOPER_PERCENT = 70;

/** The developer's part of an amount in minor units (cents, yen). */
export function developerShare(amount: number): number {
  return Math.floor((amount * DEVELOPER_PERCENT) / 100);
}

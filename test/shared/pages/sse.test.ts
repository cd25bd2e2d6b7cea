import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readEvents } from "../../../edge/pages/client/logic/sse.ts";

/** A body that arrives in the given pieces. */
function bodyOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const rest = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = rest.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

async function eventsOf(pieces: readonly Uint8Array[]): Promise<string[]> {
  const events: string[] = [];
  for await (const event of readEvents(bodyOf(pieces))) events.push(event.data);
  return events;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("readEvents", () => {
  it("reads data, skips comments and other fields, joins lines, drops an unfinished event", async () => {
    const text = ": hello\n\nevent: x\nid: 4\ndata: one\n\ndata:two\ndata: three\n\n\n\ndata: lost";
    expect(await eventsOf([encode(text)])).toEqual(["one", "two\nthree"]);
  });

  it("reads the id of each event, and keeps none for the next", async () => {
    const events = [];
    for await (const event of readEvents(bodyOf([encode("id: 7\ndata: a\n\ndata: b\n\nid:8\ndata: c\n\n")])))
      events.push(event);
    expect(events).toEqual([
      { data: "a", id: "7" },
      { data: "b", id: undefined },
      { data: "c", id: "8" },
    ]);
  });

  it("accepts every line ending", async () => {
    expect(await eventsOf([encode("data: a\r\n\r\ndata: b\r\rdata: c\n\n")])).toEqual(["a", "b", "c"]);
  });

  it("gives the same events however the bytes are cut", async () => {
    const line = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replaceAll(/[\r\n\uFEFF]/g, ""));
    const ending = fc.constantFrom("\n", "\r\n");
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), ending, fc.array(fc.nat(80)), async (lines, end, cuts) => {
        const bytes = encode(lines.map((text) => `data: ${text}${end}${end}`).join(""));
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((place, index) => bytes.slice(places[index], place));
        expect(await eventsOf(pieces)).toEqual(lines);
      }),
    );
  });

  it("refuses a line without an end", async () => {
    const pieces = Array.from({ length: 20 }, () => encode("x".repeat(65_536)));
    await expect(eventsOf(pieces)).rejects.toThrow(RangeError);
  });

  it("cancels the body when the reader leaves early", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(encode("data: more\n\n")),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const event of readEvents(body)) {
      expect(event.data).toBe("more");
      break;
    }
    expect(cancelled).toBe(true);
  });
});

import { expect, it } from "vitest";
import { z } from "zod";
import { readJsonBody } from "../../../shared/api/json-body.ts";
import { API_LIMITS } from "../../../shared/api/limits.ts";

const MIB = 1024 * 1024;
const schema = z.object({});

/** A body without a length, and how much of it was taken. */
function streamed(pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void) {
  const body = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
  return new Request("http://x", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    duplex: "half",
  });
}

it("refuses a body that is too large only after its end, so that whoever writes it reads the refusal", async () => {
  let takenMib = 0;
  const request = streamed((controller) => {
    takenMib += 1;
    if (takenMib > 6) controller.close();
    else controller.enqueue(new Uint8Array(MIB));
  });
  await expect(readJsonBody(request, schema)).rejects.toMatchObject({ code: "body_too_large", status: 413 });
  expect(takenMib).toBe(7);
});

it("takes no more than its limit of a body that does not end", async () => {
  let takenMib = 0;
  const request = streamed((controller) => {
    takenMib += 1;
    controller.enqueue(new Uint8Array(MIB));
  });
  await expect(readJsonBody(request, schema)).rejects.toMatchObject({ code: "body_too_large" });
  expect(takenMib * MIB).toBeLessThanOrEqual(API_LIMITS.drainedBytes + 2 * MIB);
});

it("tells a body that broke off from a fault of its own", async () => {
  const request = streamed((controller) => controller.error(new TypeError("invalid chunk size")));
  await expect(readJsonBody(request, schema)).rejects.toMatchObject({ code: "invalid_request", status: 400 });
});

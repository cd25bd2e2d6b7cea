import { asc, eq, lte, min } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "../../../store/database.ts";
import { marketTestDeliveries, marketTestObjects } from "../sales-schema.ts";

const orderSchema = z.object({
  id: z.string(),
  title: z.string(),
  currency: z.string(),
  amount: z.number(),
  every: z.enum(["month", "year"]).nullable(),
  doneUrl: z.string(),
  cancelUrl: z.string(),
});

/** What the test provider knows, one JSON object an id. */
const objectSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("checkout"),
    id: z.string(),
    order: orderSchema,
    state: z.enum(["open", "paid", "expired"]),
    /** Payments made by it, the latest last. */
    payments: z.array(z.string()),
    subscription: z
      .object({ state: z.enum(["active", "past_due", "ended"]), cancelAtEnd: z.boolean(), coversUntilMs: z.number() })
      .nullable(),
  }),
  z.object({
    kind: z.literal("payment"),
    id: z.string(),
    amount: z.number(),
    refunded: z.number(),
    dispute: z.enum(["none", "open", "won", "lost"]),
  }),
  z.object({ kind: z.literal("refund"), id: z.string(), payment: z.string(), amount: z.number() }),
  z.object({ kind: z.literal("account"), id: z.string(), returnUrl: z.string(), payoutsEnabled: z.boolean() }),
  z.object({ kind: z.literal("transfer"), id: z.string(), outcome: z.enum(["paid", "failed"]) }),
]);
export type TestObject = z.infer<typeof objectSchema>;
type Of<K extends TestObject["kind"]> = Extract<TestObject, { kind: K }>;
export type TestCheckout = Of<"checkout">;

/** The test provider's own memory, in the market's database. */
export class TestState {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async find<K extends TestObject["kind"]>(kind: K, id: string): Promise<Of<K> | undefined> {
    const [row] = await this.#db.select().from(marketTestObjects).where(eq(marketTestObjects.id, id)).limit(1);
    const found = row === undefined ? undefined : objectSchema.parse(JSON.parse(row.body));
    // The kind was just compared.
    return found?.kind === kind ? (found as Of<K>) : undefined;
  }

  async put(object: TestObject): Promise<void> {
    const body = JSON.stringify(object);
    await this.#db
      .insert(marketTestObjects)
      .values({ id: object.id, body })
      .onConflictDoUpdate({ target: marketTestObjects.id, set: { body } });
  }

  async send(body: string, dueAts: readonly number[]): Promise<void> {
    await this.#db.insert(marketTestDeliveries).values(dueAts.map((dueAt) => ({ body, dueAt })));
  }

  /** Webhooks whose time has come, the earliest first. */
  async due(nowMs: number, limit: number) {
    return await this.#db
      .select()
      .from(marketTestDeliveries)
      .where(lte(marketTestDeliveries.dueAt, nowMs))
      .orderBy(asc(marketTestDeliveries.dueAt))
      .limit(limit);
  }

  async nextDue(): Promise<number | undefined> {
    const [row] = await this.#db.select({ at: min(marketTestDeliveries.dueAt) }).from(marketTestDeliveries);
    return row?.at ?? undefined;
  }

  async delivered(id: number): Promise<void> {
    await this.#db.delete(marketTestDeliveries).where(eq(marketTestDeliveries.id, id));
  }

  async again(id: number, dueAt: number): Promise<void> {
    await this.#db.update(marketTestDeliveries).set({ dueAt }).where(eq(marketTestDeliveries.id, id));
  }
}

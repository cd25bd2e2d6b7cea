import type { EdgeBindings } from "../../../env.ts";
import { database } from "../../../store/database.ts";
import { edgeKey } from "../../../store/edge-keys.ts";
import { followedMarket } from "../../followed.ts";
import type { PaymentProvider } from "./provider.ts";
import { TestProvider } from "./test.ts";

/** The provider that this edge's market is paid by; undefined: it takes no payments, or it is another market that sells. */
export async function paymentProvider(env: EdgeBindings): Promise<PaymentProvider | undefined> {
  if (followedMarket(env) !== undefined) return undefined;
  const { STRIPE_SECRET_KEY: secretKey = "", STRIPE_WEBHOOK_SECRET: secrets = "" } = env;
  if (secretKey === "") return await testProvider(env);
  const webhookSecrets = secrets.split(",").flatMap((secret) => (secret.trim() === "" ? [] : [secret.trim()]));
  // What was paid would never be heard of.
  if (webhookSecrets.length === 0) return undefined;
  // Most edges sell nothing: they need not start with its 240 kB.
  const { StripeProvider } = await import("./stripe.ts");
  return new StripeProvider({ secretKey, webhookSecrets });
}

/** The test provider where it is switched on, and nobody pays real money. */
export async function testProvider(env: EdgeBindings): Promise<TestProvider | undefined> {
  if (env.TEST_PAYMENTS !== "on" || (env.STRIPE_SECRET_KEY ?? "") !== "") return undefined;
  const db = database(env.DB);
  // The same alphabet of 32 bytes, as Standard Webhooks writes it.
  const secret = `whsec_${(await edgeKey(db, "test payments")).replaceAll("-", "+").replaceAll("_", "/")}=`;
  return new TestProvider({ db, secret });
}

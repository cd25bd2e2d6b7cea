import { z } from "zod";
import { permissionsSchema } from "../../../../shared/plugin/manifest.ts";

/** `automatic`: what asks for nothing more comes by itself. `ask`: nothing does. `pinned`: it stays as it is. */
export const UPDATE_MODES = ["automatic", "ask", "pinned"] as const;
export type UpdateMode = (typeof UPDATE_MODES)[number];

/** Why a newer version does not come by itself. */
export const OFFER_REASONS = [
  "wants_more",
  "other_key",
  "became_paid",
  "runs_elsewhere",
  "asked_first",
  "pinned",
] as const;
export type OfferReason = (typeof OFFER_REASONS)[number];

/** A newer version that waits for its person's word. */
export const offerSchema = z.object({
  version: z.string(),
  hash: z.string(),
  signer: z.string(),
  reasons: z.array(z.enum(OFFER_REASONS)),
  /** What its manifest asks for. */
  asks: permissionsSchema,
  /** What it asks for that the installed one's manifest does not. */
  more: permissionsSchema,
  runsOn: z.enum(["edge", "home", "both"]),
  price: z
    .object({ currency: z.string(), minorUnits: z.number(), every: z.enum(["month", "year"]).exactOptional() })
    .optional(),
});
export type UpdateOffer = z.infer<typeof offerSchema>;

/** What went wrong with looking, or with updating to `version`. The installed one stays at work. */
export const problemSchema = z.object({
  version: z.string().nullable(),
  code: z.string(),
  message: z.string(),
  atMs: z.number(),
});
export type UpdateProblem = z.infer<typeof problemSchema>;

/** How a person's installed plugin stands to its market. */
export interface UpdateState {
  userId: string;
  /** `@publisher/name`. */
  name: string;
  mode: UpdateMode;
  /** The installed package that the rest is about. */
  hash: string;
  /** Where it came from; null: nobody has looked yet. */
  origin: "market" | "file" | null;
  isYanked: boolean;
  checkedAtMs: number | null;
  /** When it is looked after next. */
  nextAtMs: number;
  /** In a row. */
  failures: number;
  offer: UpdateOffer | null;
  problem: UpdateProblem | null;
}

/** That another version was put in the place of one. */
export interface UpdateEntry {
  from: string;
  to: string;
  how: "automatic" | "agreed" | "rollback";
  atMs: number;
}

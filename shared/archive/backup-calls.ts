import { z } from "zod";
import { backupHeadSchema } from "../sessions/backup.ts";
import { turnSchema } from "../sessions/turn.ts";
import { objectNameSchema } from "./messages.ts";

/** What a machine asks its edge for to restore a backup, and what its signature speaks for. */
export const backupCallSchema = z.discriminatedUnion("op", [
  /** Names of sealed objects behind `after`, in their order. */
  z.strictObject({ op: z.literal("list"), after: objectNameSchema.optional() }),
  z.strictObject({ op: z.literal("get"), name: objectNameSchema }),
  /** A session whose segments are in this machine's archive now; `turns` are those behind them. */
  z.strictObject({ op: z.literal("adopt"), head: backupHeadSchema, turns: z.array(turnSchema) }),
]);
export type BackupCall = z.infer<typeof backupCallSchema>;

export const listedSchema = z.object({ names: z.array(z.string().max(256)).max(1000) });
export const adoptedSchema = z.object({ state: z.enum(["known", "added", "deleted"]) });

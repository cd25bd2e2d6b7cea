import type { Message } from "../../../shared/inference/request.ts";
import type { JobDesk } from "../jobs/desk.ts";

/** The household's queue, as schedules use it. */
export type SchedulingJobs = Pick<JobDesk, "add" | "job" | "cancel" | "tell" | "hasReceiver" | "requireDoable">;

/** An answer on its way into a session. */
export interface Landing {
  /** Names the run: of two landings of one run the second finds the first. */
  runId: string;
  userId: string;
  sessionId: string;
  model: string;
  /** The question and what was answered. */
  messages: Message[];
  usage: { promptTokens: number; completionTokens: number } | undefined;
  createdAtMs: number;
}

/** The sessions of a household, as schedules use them. */
export interface SchedulingSessions {
  /** Whether a person has this session. */
  has(userId: string, sessionId: string): boolean;
  /** Makes a session for a schedule's answers. Returns its id. */
  make(userId: string, title: string): string;
  /** Puts a turn at the end of a session. Returns its index; undefined where it will never fit in. Throws where it cannot now. */
  land(landing: Landing): number | undefined;
}

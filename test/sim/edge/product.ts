import type { InferenceBackend } from "../../../shared/inference/backend.ts";
import type { GenerateEvent } from "../../../shared/inference/event.ts";
import type { HostedObject } from "./object-host.ts";

/** Who asks, as the edge's modules take it. */
export interface Caller {
  id: string;
  version: number;
  limits: { requestsPerMinute: number | null; tokensPerDay: number | null; nodeSecondsPerDay: number | null };
}

/** How the object says that a machine stands, as far as it is looked at. */
export interface MachineState {
  id: string;
  online: boolean;
  draining: boolean;
}

/** What the world calls on the Home object beyond what the runtime does. */
export interface HomeObject extends HostedObject {
  agents(): MachineState[];
  drain(agentId: string, draining: boolean): unknown;
  revoke(agentId: string): unknown;
  keyChanged(caller: Caller): unknown;
  keyRevoked(id: string): unknown;
  goAway(): unknown;
  restart(): unknown;
  cancelRun(id: string, callerId: string): boolean;
  callJobs(method: string, args: unknown[]): unknown;
}

export type JobState = "queued" | "running" | "completed" | "failed" | "cancelled" | "expired";

interface JobView {
  id: string;
  state: JobState;
}

/** The desk of jobs as the Worker calls it. */
export interface Desk {
  job(id: string, viewer: object): Promise<{ job: JobView; events: GenerateEvent[] } | undefined>;
  cancel(id: string, viewer: object): Promise<unknown>;
}

interface DeskModule {
  jobsOf(env: object, accountId: string): Desk;
}

interface JobModule {
  startJob(env: object, account: object, body: object, options: { deadlineMs: number }): Promise<JobView>;
}

interface HomeModule {
  Home: new (ctx: unknown, env: unknown) => HomeObject;
}

interface DialModule {
  encodeDial(dial: { agentId: string; publicKey: string; origin: string }): Request;
}

interface BackendModule {
  homeBackend(
    home: unknown,
    from: {
      requestId: string;
      caller: Caller;
      priority: "normal";
      models: null;
      onHeaders(headers: Headers): void;
    },
  ): InferenceBackend;
}

/** The edge's modules that are simulated. */
export type Product = HomeModule & DialModule & BackendModule & DeskModule & JobModule;

/**
 * Loads them by address: their types are workerd's, which this program does not know, so what is used of them is written down above.
 */
export async function loadProduct(): Promise<Product> {
  const load = (path: string) => import(new URL(`../../../edge/home/${path}`, import.meta.url).href);
  const [home, dial, backend, job, desk] = await Promise.all(
    ["home.ts", "dial.ts", "backend.ts", "jobs/start-job.ts", "jobs/remote-desk.ts"].map(load),
  );
  return {
    Home: home.Home,
    encodeDial: dial.encodeDial,
    homeBackend: backend.homeBackend,
    startJob: job.startJob,
    jobsOf: desk.jobsOf,
  };
}

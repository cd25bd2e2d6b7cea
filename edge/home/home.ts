import { DurableObject } from "cloudflare:workers";
import type { EdgeBindings } from "../env.ts";

/** One household: the one writer of an account's tunnels and running generations. */
export class Home extends DurableObject<EdgeBindings> {}

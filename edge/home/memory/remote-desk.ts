import type { EdgeBindings } from "../../env.ts";
import { homeOf } from "../backend.ts";
import { type Remote, remoteDesk } from "../desk-calls.ts";
import { MEMORY_METHODS, type MemoryDesk, type MemoryMethod } from "./desk.ts";

/** What the people of an account asked to have remembered, from the Worker. */
export function memoryOf(env: EdgeBindings, accountId: string): Remote<MemoryDesk, MemoryMethod> {
  const home = homeOf(env, accountId);
  return remoteDesk<MemoryDesk, MemoryMethod>(
    MEMORY_METHODS,
    async (method, args) => await home.callMemory(method, args),
  );
}

import type { ServerSocket, VirtualWebSocket } from "./server-socket.ts";
import type { VirtualSql } from "./sql.ts";

/** What outlives the object: its storage, and how the runtime is told of alarms and sockets. */
export interface ObjectRuntime {
  sql: VirtualSql;
  alarmAtMs(): number | null;
  setAlarm(atMs: number | null): void;
  accept(socket: VirtualWebSocket, tags: string[]): void;
  /** Every socket that is not wholly closed, in the view of this life of the object. */
  views(tag?: string): VirtualWebSocket[];
  /** Nothing else is delivered before it is done. */
  block(work: Promise<unknown>): void;
  tagsOf(socket: ServerSocket): readonly string[];
}

/** A Durable Object's `ctx` over it, as far as the product's code uses it. */
export function objectState(runtime: ObjectRuntime) {
  return {
    id: { toString: () => "home", name: "home" },
    storage: {
      sql: runtime.sql,
      transactionSync: <T>(run: () => T): T => runtime.sql.transactionSync(run),
      getAlarm: async () => runtime.alarmAtMs(),
      setAlarm: async (at: number | Date) => runtime.setAlarm(Number(at)),
      deleteAlarm: async () => runtime.setAlarm(null),
      sync: async () => undefined,
    },
    acceptWebSocket: (socket: VirtualWebSocket, tags: string[] = []) => runtime.accept(socket, tags),
    getWebSockets: (tag?: string) => runtime.views(tag),
    getTags: (socket: VirtualWebSocket) => runtime.tagsOf(socket.socket),
    getWebSocketAutoResponseTimestamp: ({ socket }: VirtualWebSocket) =>
      socket.pongedAtMs === undefined ? null : new Date(socket.pongedAtMs),
    setWebSocketAutoResponse: () => undefined, // "ping" is answered by the host in any case.
    waitUntil: (_work: Promise<unknown>) => undefined,
    blockConcurrencyWhile: async <T>(work: () => Promise<T>): Promise<T> => {
      const working = work();
      runtime.block(working);
      return await working;
    },
  };
}

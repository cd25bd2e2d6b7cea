import type { ControlMessage } from "../../../shared/protocol/messages.ts";
import { RUN_LIMITS } from "./limits.ts";
import type { Run } from "./run.ts";
import type { RunTable } from "./run-table.ts";

/** Writes runs down, by and by: rows cost, and whatever is sent waits for them. */
export class RunKeeper {
  readonly #table: RunTable;
  readonly #tell: (agentId: string, message: ControlMessage) => void;
  readonly #onDue: (atMs: number) => void;
  /** Runs with lines that are not written down. */
  readonly #behind = new Set<Run>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    table: RunTable,
    { tell, onDue }: { tell: (agentId: string, message: ControlMessage) => void; onDue: (atMs: number) => void },
  ) {
    this.#table = table;
    this.#tell = tell;
    this.#onDue = onDue;
  }

  /** Lines have come. */
  grew(run: Run): void {
    const isMuch = run.log.end - run.log.offsetOf(run.durable) >= RUN_LIMITS.checkpointBytes;
    if (isMuch) return this.#checkpoint(run);
    this.#behind.add(run);
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#checkpointAll(), RUN_LIMITS.checkpointMs);
  }

  /** Writes down what the run is. */
  store(run: Run): void {
    if (run.isStored || run.body === undefined) return;
    run.isStored = true;
    this.#table.add(run.id, run.record, run.body, run.createdAtMs);
    // From now on it is read from there, should it be wanted again.
    run.body = undefined;
    this.#onDue(run.createdAtMs + RUN_LIMITS.keptMs);
  }

  /** The request, wherever it is. */
  body(run: Run): Uint8Array {
    return run.body ?? this.#table.body(run.id);
  }

  /** Writes down another request, with the record as it is now. */
  setRequest(run: Run, body: Uint8Array): void {
    this.store(run);
    this.#table.setRecord(run.id, run.record);
    this.#table.setBody(run.id, body);
  }

  /** What is kept is there in full, even if its machine is switched off now. */
  storeEnd(run: Run): void {
    this.store(run);
    this.#checkpoint(run);
    this.#table.setEnded(run.id, run.endedAtMs ?? Date.now());
  }

  /** Writes down all that there is; what comes next cannot be made again. Returns whether it could. */
  secure(run: Run): boolean {
    this.store(run);
    this.#checkpoint(run);
    return run.durable === run.log.next;
  }

  #checkpointAll(): void {
    this.#timer = undefined;
    for (const run of this.#behind) if (!run.ended) this.#checkpoint(run);
    this.#behind.clear();
  }

  #checkpoint(run: Run): void {
    const { log, durable } = run;
    if (!run.isStored || log.next === durable || log.first > durable) return;
    const bytes = log.slice(durable);
    if (bytes.length > RUN_LIMITS.pieceBytes) return; // One huge line: its agent keeps it.
    this.#table.addLines(run.id, durable, log.next - durable, bytes);
    run.durable = log.next;
    this.acknowledge(run);
  }

  /** Tells its machine what is safe here. */
  acknowledge(run: Run): void {
    this.#tell(run.record.agentId, { type: "ack", run: run.id, next: run.durable });
  }
}

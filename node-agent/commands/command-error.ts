/** What a command tells its user when it cannot go on: one sentence with the way out. `cli.ts` prints it and exits with `exitCode`. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly code:
    | "bad_usage"
    | "port_taken"
    | "already_running"
    | "not_ready"
    | "request_failed"
    | "edge_unreachable"
    | "bad_certificate"
    | "bad_backup"
    | "kept_failing";
  readonly exitCode: number;

  constructor(code: CommandError["code"], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.exitCode = code === "bad_usage" ? 2 : 1;
  }
}

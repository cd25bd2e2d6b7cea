import { z } from "zod";
import { MONEY_ERRORS } from "./market/money-errors.ts";
import { PLUGIN_ERRORS } from "./plugin/errors.ts";

/**
 * Every error a person or program can meet: code -> HTTP status, whether trying again can help, and the default sentence.
 * The code is stable; the sentence says what happened and the way out. A thrower may give a more exact sentence.
 */
export const ERRORS = {
  invalid_request: { status: 400, retryable: false, message: "The request is not valid." },
  invalid_json: { status: 400, retryable: false, message: "The body is not valid JSON. Send one JSON object." },
  json_too_deep: {
    status: 400,
    retryable: false,
    message: "The JSON body is nested too deeply. Flatten it and try again.",
  },
  unsupported_parameter: { status: 400, retryable: false, message: "A parameter of this request is not supported." },
  unknown_parameter: { status: 400, retryable: false, message: "The request has a parameter that is not known here." },
  model_task_mismatch: {
    status: 400,
    retryable: false,
    message: "The model is of another kind than this request needs. GET /v1/models says the task of each.",
  },
  context_length_exceeded: { status: 400, retryable: false, message: "The prompt is longer than the model's context." },
  invalid_api_key: {
    status: 401,
    retryable: false,
    message: "The API key is missing or not valid. Send it as 'Authorization: Bearer plk_live_...'.",
  },
  sign_in_failed: {
    status: 401,
    retryable: false,
    message: "That did not work. Check what you entered, or sign in another way.",
  },
  passkey_rejected: {
    status: 401,
    retryable: false,
    message: "This passkey was not accepted. Try again, or sign in another way.",
  },
  confirmation_needed: {
    status: 403,
    retryable: false,
    message: "Confirm first that it is you: use your passkey, or sign in again.",
  },
  origin_not_configured: {
    status: 403,
    retryable: false,
    message:
      "Passkeys need a fixed address. Set PUBLIC_ORIGIN of this edge to its https address, or use http://localhost.",
  },
  passwords_off: {
    status: 403,
    retryable: false,
    message: "This edge takes no passwords. Use a passkey or a recovery code.",
  },
  setup_disabled: {
    status: 403,
    retryable: false,
    message: "This edge has no SETUP_TOKEN. Set one ('wrangler secret put SETUP_TOKEN'), then try again.",
  },
  invalid_setup_token: {
    status: 403,
    retryable: false,
    message: "The set-up token is wrong. Use the SETUP_TOKEN that this edge was started with.",
  },
  forbidden: { status: 403, retryable: false, message: "This key or session may not do that." },
  not_found: { status: 404, retryable: false, message: "There is nothing at this address. See /docs for the routes." },
  model_not_found: { status: 404, retryable: false, message: "No such model. GET /v1/models lists those there are." },
  agent_unknown: {
    status: 401,
    retryable: false,
    message:
      "This machine is not paired with that edge. Make a pairing link there and run 'porchlight connect LINK' here.",
  },
  agent_revoked: {
    status: 403,
    retryable: false,
    message:
      "The owner removed this machine. To bring it back, make a pairing link and run 'porchlight connect LINK' here.",
  },
  method_not_allowed: { status: 405, retryable: false, message: "This address does not take that method." },
  agent_replaced: {
    status: 409,
    retryable: false,
    message: "This machine's identity connected from another process. Stop one of the two, then start this one again.",
  },
  already_set_up: {
    status: 409,
    retryable: false,
    message: "This edge has an owner already. Ask the owner for access.",
  },
  name_taken: { status: 409, retryable: false, message: "Somebody here has that name already. Choose another." },
  last_way_in: {
    status: 409,
    retryable: false,
    message: "That is the last way into this account. Add another passkey first.",
  },
  last_owner: { status: 409, retryable: false, message: "A household needs an owner. Make somebody else owner first." },
  cancelled: { status: 408, retryable: false, message: "The client ended the request." },
  code_used_or_expired: {
    status: 410,
    retryable: false,
    message: "This link was used already or has expired. Make a new one.",
  },
  user_code_unknown: {
    status: 410,
    retryable: false,
    message:
      "No machine waits under this code: it was mistyped, used already or has expired. Run 'porchlight connect' again.",
  },
  resume_expired: {
    status: 410,
    retryable: false,
    message: "The beginning of this answer is no longer kept: it is too old, or too long. Ask again.",
  },
  body_too_large: { status: 413, retryable: false, message: "The body is larger than this address takes." },
  unsupported_media_type: {
    status: 415,
    retryable: false,
    message: "Send the body as 'Content-Type: application/json'.",
  },
  protocol_unsupported: {
    status: 426,
    retryable: false,
    message: "Agent and edge speak no common version of the tunnel's protocol. Update the older of the two.",
  },
  upgrade_required: {
    status: 426,
    retryable: false,
    message: "This address takes WebSocket connections of paired machines only. Use 'porchlight connect'.",
  },
  headers_too_large: { status: 431, retryable: false, message: "The request's headers are larger than 32 KiB in all." },
  rate_limit_exceeded: {
    status: 429,
    retryable: true,
    message: "This API key has reached one of its limits. Wait as long as 'retry-after' says, or raise the limit.",
  },
  session_busy: {
    status: 409,
    retryable: true,
    message: "This conversation is still being answered. Wait for the answer, or cancel it.",
  },
  session_full: {
    status: 409,
    retryable: false,
    message: "This conversation takes no more turns. Go on in a new one.",
  },
  too_many_sessions: {
    status: 409,
    retryable: false,
    message: "You have as many conversations as are kept. Delete some, then try again.",
  },
  segment_dropped: {
    status: 410,
    retryable: false,
    message: "This part of a conversation was deleted. It is not kept again.",
  },
  archive_damaged: {
    status: 500,
    retryable: false,
    message:
      "A part of this conversation is damaged on the home machine's disk. 'porchlight restore' there takes it from the backup.",
  },
  backup_key_missing: {
    status: 409,
    retryable: false,
    message: "This machine does not have the key of the backup. Run 'porchlight backup key' on it.",
  },
  backup_key_wrong: {
    status: 400,
    retryable: false,
    message: "The backup was sealed with another key than this recovery phrase stands for.",
  },
  backup_damaged: {
    status: 422,
    retryable: false,
    message: "A part of the backup is damaged, or was put there by somebody else. It is not used.",
  },
  archive_offline: {
    status: 503,
    retryable: true,
    message:
      "Older turns of this conversation are kept on a home machine that is not online. Start it, then try again.",
  },
  idempotency_key_in_use: {
    status: 409,
    retryable: true,
    message:
      "The first request with this Idempotency-Key is still being answered. Try again shortly: its answer is kept.",
  },
  idempotency_key_reused: {
    status: 409,
    retryable: false,
    message: "This Idempotency-Key was used for another request within 24 hours. Use a new key for each request.",
  },
  queue_full: {
    status: 429,
    retryable: true,
    message: "So many jobs wait already that no more are taken. Try again when some have run, or cancel some.",
  },
  job_active: { status: 409, retryable: false, message: "The job has not ended yet. Cancel it first." },
  ...PLUGIN_ERRORS,
  ...MONEY_ERRORS,
  webhook_url_refused: {
    status: 400,
    retryable: false,
    message:
      "Webhooks go to public https addresses only. Whoever runs this edge can allow a host of their own network.",
  },
  too_many_webhooks: { status: 409, retryable: false, message: "There are too many webhooks. Remove one first." },
  too_many_keys: { status: 409, retryable: false, message: "There are too many API keys. Revoke one first." },
  memory_full: {
    status: 409,
    retryable: false,
    message: "So many facts are kept that no more fit. Forget some first.",
  },
  records_full: {
    status: 409,
    retryable: false,
    message: "So many conversations and files are kept that no more fit. Delete some first.",
  },
  too_many_schedules: { status: 409, retryable: false, message: "There are too many schedules. Delete one first." },
  rate_limited: { status: 429, retryable: true, message: "Too many requests. Wait a little and try again." },
  internal: {
    status: 500,
    retryable: true,
    message: "Something broke on our side. Try again; if it lasts, run 'porchlight doctor'.",
  },
  engine_crashed: {
    status: 500,
    retryable: true,
    message: "The model's process ended while it was answering. Try again: it restarts by itself.",
  },
  answer_unreadable: {
    status: 502,
    retryable: true,
    message: "The home machine sent something that is no answer. Update Porchlight on it, then try again.",
  },
  model_load_failed: {
    status: 500,
    retryable: false,
    message: "The model could not be loaded. Run 'porchlight doctor' on the home machine.",
  },
  model_source_invalid: {
    status: 502,
    retryable: false,
    message: "The model's source sent something else than it promised. Nothing of it was kept; try another source.",
  },
  model_download_failed: {
    status: 502,
    retryable: true,
    message: "The model could not be downloaded to the end. Pull it again: what has arrived is kept.",
  },
  model_busy: {
    status: 409,
    retryable: true,
    message: "Another process is changing this model. Wait until it is done, then try again.",
  },
  disk_full: {
    status: 507,
    retryable: false,
    message: "There is not enough free space on the disk. Free some, then try again.",
  },
  identity_broken: {
    status: 500,
    retryable: false,
    message: "This machine's identity file cannot be used. Delete it and pair the machine again.",
  },
  edge_unreachable: {
    status: 502,
    retryable: true,
    message: "The edge could not be reached. Check the address and the network, then try again.",
  },
  agent_offline: {
    status: 503,
    retryable: true,
    message: "No home machine of this account is online. Start it with 'porchlight up' and try again.",
  },
  agent_disconnected: {
    status: 503,
    retryable: true,
    message: "The home machine went away while it was answering. Try again.",
  },
  wake_impossible: {
    status: 409,
    retryable: false,
    message:
      "The machine cannot be woken from here. Run 'porchlight wake on' on it, and on one on its network that stays on.",
  },
  edge_restarting: {
    status: 503,
    retryable: true,
    message: "This edge is starting again. Try again in a moment.",
  },
  overloaded: {
    status: 503,
    retryable: true,
    message: "The home machine has as much work as it can take. Try again shortly.",
  },
  timeout: { status: 504, retryable: true, message: "The home machine did not answer in time. Try again." },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof ERRORS;

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]; // Object.keys loses the key type; ERRORS is const

/** An error as it crosses the tunnel or a process boundary. `param` names the offending field, if one does. */
export const wireErrorSchema = z.object({
  code: z.enum(codes),
  message: z.string().max(4096),
  param: z.string().max(256).optional(),
  retryAfterMs: z.number().int().nonnegative().optional(),
});
export type WireError = z.infer<typeof wireErrorSchema>;

/** The one error class of the project: a stable code, a sentence, and what a client may do with it. */
export class PorchlightError extends Error {
  override readonly name = "PorchlightError";
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message?: string,
    details: { param?: string; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message ?? ERRORS[code].message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.param = details.param;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** HTTP status of the code. */
  get status(): (typeof ERRORS)[ErrorCode]["status"] {
    return ERRORS[this.code].status;
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      ...(this.param === undefined ? {} : { param: this.param }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }

  static fromWire(wire: WireError): PorchlightError {
    const { param, retryAfterMs } = wire;
    return new PorchlightError(wire.code, wire.message, {
      ...(param === undefined ? {} : { param }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  /** `error` itself if it is one of ours, otherwise `internal` with the original as its cause: nothing private leaks. */
  static from(error: unknown): PorchlightError {
    return error instanceof PorchlightError ? error : new PorchlightError("internal", undefined, { cause: error });
  }
}

import { PROTOCOL_LIMITS } from "../../shared/protocol/limits.ts";
import type { StatusMessage } from "../../shared/protocol/messages.ts";

/** The status with as many of its models, first ones first, as one control message holds. */
export function fitStatus(status: StatusMessage): StatusMessage {
  const spareBytes = PROTOCOL_LIMITS.frameBytes - jsonBytes({ ...status, models: [] });
  let usedBytes = 0;
  const models = status.models.filter((model) => {
    usedBytes += jsonBytes(model) + 1;
    return usedBytes <= spareBytes;
  });
  return { ...status, models };
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

import { isDeeperThan } from "../../api/json-depth.ts";
import { PorchlightError } from "../../errors.ts";
import { CALL_LIMITS } from "../limits.ts";
import { mismatch, type ToolDescription } from "../tool-list.ts";

/**
 * What a tool returned: JSON text of untrusted code, as large and as deep as a result may be, and what the tool promises. Throws
 * PorchlightError `plugin_failed`.
 */
export function readResult(text: string, output: ToolDescription["output"]): unknown {
  if (text.length > CALL_LIMITS.outputBytes) throw failed("The plugin's result is too large.");
  // Whoever writes it down again, walks through it.
  if (isDeeperThan(new TextEncoder().encode(text), CALL_LIMITS.outputDepth))
    throw failed(`The plugin's result is nested more than ${CALL_LIMITS.outputDepth} levels deep.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw failed("The plugin's result is not JSON.", { cause });
  }
  const odd = output === undefined ? undefined : mismatch(output, value);
  if (odd !== undefined) throw failed(`The result is not what the tool promises: ${odd}`);
  return value;
}

function failed(words: string, options?: ErrorOptions): PorchlightError {
  return new PorchlightError("plugin_failed", words, options);
}

import type { SessionSettings } from "../../../../shared/sessions/settings.ts";
import type { Flow } from "../access/flows.ts";
import { send } from "../access/request.ts";
import { part } from "../ui/dom.ts";

/** Sets how one wants to be answered; what else one has set for conversations stays. */
export const saveInstructions: Flow = async ({ instructions = "", usesFacts }) => {
  part("saved").hidden = true;
  const { settings } = (await send("GET /api/session-settings")) as { settings: SessionSettings }; // the route's own answer
  const { instructions: _instructions, memory: _memory, ...others } = settings;
  await send("PUT /api/session-settings", {
    ...others,
    ...(instructions.trim() === "" ? {} : { instructions }),
    ...(usesFacts === undefined ? { memory: "off" } : {}),
  });
  part("saved").hidden = false;
  return undefined;
};

import { renderUnicodeCompact } from "uqr";
import type { DeviceCode } from "../link/device-flow.ts";
import { say, styled } from "./terminal.ts";

/** Shows the code of the device flow, where to type it in, and a picture of the address for a phone's camera. */
export function showDeviceCode({ userCode, url, completeUrl, expiresInMs }: DeviceCode, fingerprint: string): void {
  const lines = [
    "Let this machine in from a browser that is signed in as the owner:",
    "",
    `  Open         ${styled("cyan", url)}`,
    `  Type in      ${styled("bold", userCode)}`,
    `  Fingerprint  ${fingerprint}`,
    "",
  ];
  // A pipe or a log has no camera in front of it.
  if (process.stderr.isTTY) lines.push(renderUnicodeCompact(completeUrl, { border: 2 }), "");
  lines.push(styled("dim", `Waiting for ${Math.round(expiresInMs / 60_000)} minutes; Ctrl-C stops it.`));
  say(lines.join("\n"));
}

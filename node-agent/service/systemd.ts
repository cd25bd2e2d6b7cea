import type { ServiceSpec } from "./spec.ts";

/** What the command exits with when it was told to stop: no failure, so neither shown as one nor started again. */
const INTERRUPTED = 130;

/** What its lines in the journal are found by. */
export const SYSLOG_IDENTIFIER = "porchlight";

/** A systemd user unit (systemd.service(5)). A refusal for good ends the command: after five of them in five minutes it stays down. */
export function systemdUnit({ command, workingFolder }: ServiceSpec): string {
  return `[Unit]
Description=Porchlight home machine
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart=${command.map((word) => quote(word)).join(" ")}
WorkingDirectory=${workingFolder.replaceAll("%", "%%")}
Restart=on-failure
RestartSec=5
KillSignal=SIGTERM
KillMode=mixed
SuccessExitStatus=${INTERRUPTED}
TimeoutStopSec=15
NoNewPrivileges=yes
SyslogIdentifier=${SYSLOG_IDENTIFIER}

[Install]
WantedBy=default.target
`;
}

/** One word of a command line, as systemd.service(5) unquotes and expands it. */
function quote(word: string): string {
  const escaped = word
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("\n", "\\n")
    .replaceAll("%", "%%")
    .replaceAll("$", "$$$$"); // In a replacement, "$$" stands for one "$".
  return `"${escaped}"`;
}

import type { ServiceRole, ServiceSpec } from "./spec.ts";

/** What the command exits with when it was told to stop: no failure, so neither shown as one nor started again. */
const INTERRUPTED = 130;

/** What its lines in the journal are found by. */
export const SYSLOG_IDENTIFIERS: Record<ServiceRole, string> = { agent: "porchlight", edge: "porchlight-edge" };

/**
 * What differs. A machine that its edge refuses for good ends: after five of these in five minutes it stays down. An edge is tried
 * again for ever: it is the only way in, and what stopped it, such as a full disk or a late certificate, may pass.
 */
const ROLES: Record<ServiceRole, { description: string; startLimit: string; restartSec: number }> = {
  agent: {
    description: "Porchlight home machine",
    startLimit: "StartLimitIntervalSec=300\nStartLimitBurst=5",
    restartSec: 5,
  },
  edge: { description: "Porchlight edge", startLimit: "StartLimitIntervalSec=0", restartSec: 30 },
};

/** A systemd user unit (systemd.service(5)). */
export function systemdUnit({ role, command, workingFolder }: ServiceSpec): string {
  const { description, startLimit, restartSec } = ROLES[role];
  return `[Unit]
Description=${description}
Wants=network-online.target
After=network-online.target
${startLimit}

[Service]
Type=exec
ExecStart=${command.map((word) => quote(word)).join(" ")}
WorkingDirectory=${workingFolder.replaceAll("%", "%%")}
Restart=on-failure
RestartSec=${restartSec}
KillSignal=SIGTERM
KillMode=mixed
SuccessExitStatus=${INTERRUPTED}
TimeoutStopSec=30
NoNewPrivileges=yes
SyslogIdentifier=${SYSLOG_IDENTIFIERS[role]}

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

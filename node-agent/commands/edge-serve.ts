import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { type DataFolder, dataFolder, writePrivateFile } from "../data-folder.ts";
import { finishRestore } from "../edge/backup/switch.ts";
import { buildEdgeIfNeeded } from "../edge/build.ts";
import { EdgeRunningFile } from "../edge/edge-running.ts";
import { type Certificate, loadCertificate } from "../edge/front/certificate.ts";
import { Front } from "../edge/front/server.ts";
import { Redirect } from "../edge/front/redirect.ts";
import { newVisitorHeader } from "../edge/front/visitor.ts";
import { watchCertificate } from "../edge/front/watch-certificate.ts";
import { CommandError } from "./command-error.ts";
import { type EdgeAddress, type EdgeAddressFlags, edgeAddress } from "./edge-address.ts";
import { claimFolder, releaseFolder } from "./running.ts";
import { GRACE_MS, impatience, interruption } from "./signals.ts";
import { type EdgeDeath, SupervisedEdge } from "./supervised-edge.ts";
import { StatusLine, say, styled } from "./terminal.ts";

export interface EdgeServeFlags extends EdgeAddressFlags {
  data?: string;
  /** After how many failures in a row it ends; undefined: never. */
  giveUpAfter?: number;
  /** The output is a log: the set-up link is not for it. */
  unattended: boolean;
}

/** `porchlight edge`: the Worker on this machine, without an agent, until interrupted or until workerd has failed too often in a row. */
export async function serveEdge(flags: EdgeServeFlags): Promise<number> {
  const address = edgeAddress(flags);
  const folder = dataFolder(flags.data);
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
  const holder = await claimFolder(folder.claim);
  if (holder !== undefined) {
    const message = `Process ${holder} is at work on ${folder.root} (porchlight up, or another edge). Stop it, or choose another --data folder.`;
    throw new CommandError("already_running", message);
  }
  try {
    await finishRestore(folder);
    return await run(address, folder, flags);
  } finally {
    await releaseFolder(folder.claim);
  }
}

async function run(
  address: EdgeAddress,
  folder: DataFolder,
  { giveUpAfter, unattended }: EdgeServeFlags,
): Promise<number> {
  const interrupted = interruption();
  const status = new StatusLine();
  const hostname = new URL(address.origin).hostname;
  const certificate = address.files && (await loadCertificate(address.files, hostname));
  status.show("Building the edge");
  await buildEdgeIfNeeded();
  const visitorHeader = newVisitorHeader();
  const front = new Front({ ...address, visitorHeader, ...(certificate ? { certificate } : {}) });
  const file = new EdgeRunningFile(folder.edgeRunning, {
    pid: process.pid,
    origin: address.origin,
    state: "starting",
    startedAt: new Date().toISOString(),
    restarts: 0,
    lastFailure: null,
    certificate: certificate ? { endsAt: certificate.endsAt.toISOString(), problem: null } : null,
  });
  const setupToken = await ensureSetupToken(folder.setupToken);
  const gaveUp = Promise.withResolvers<EdgeDeath>();
  const edge = new SupervisedEdge(
    { stateDir: folder.edge, port: 0, setupToken, visitorHeader, publicOrigin: address.origin },
    {
      ...(giveUpAfter === undefined ? {} : { giveUpAfter }),
      onReady: ({ origin, hasOwner }) => {
        if (file.state.state === "restarting") say(`${now()} ${styled("green", "The edge serves again.")}`);
        front.pointAt(origin.replace("localhost", "127.0.0.1"));
        if (hasOwner) void rm(folder.setupToken, { force: true });
        const setupUrl = hasOwner ? undefined : `${address.origin}/setup#token=${setupToken}`;
        file.update({ state: "online", setupUrl });
      },
      onDeath: (death) => {
        front.pointAt(undefined);
        report(death, file);
        if (death.restartMs === null) gaveUp.resolve(death);
      },
    },
  );
  const { host, httpPort } = address;
  const redirect = httpPort === undefined ? undefined : new Redirect({ host, port: httpPort, origin: address.origin });
  const unwatch = address.files && (await watchCertificate(address.files, hostname, certificateNews(front, file)));
  let kept = false;
  try {
    await front.listen().catch((error: unknown) => Promise.reject(listenError(error, address)));
    const otherPort = { ...address, port: httpPort ?? 0 };
    await redirect?.listen().catch((error: unknown) => Promise.reject(listenError(error, otherPort, "--http-port")));
    status.show("Starting the edge");
    const ready = await Promise.race([edge.start(), interrupted]);
    status.clear();
    if (ready === undefined) return 130;
    say(banner(address, folder, unattended ? undefined : file.state.setupUrl, certificate).join("\n"));
    const death = await Promise.race([interrupted, gaveUp.promise]);
    if (death === undefined) return 0;
    kept = true;
    throw new CommandError(
      "kept_failing",
      `The edge failed ${death.failures} times in a row (${death.reason}), and stays down.`,
    );
  } finally {
    status.clear();
    unwatch?.();
    await leave(front, edge);
    await redirect?.stop();
    await (kept ? file.flush() : file.remove());
  }
}

/** Machines and visitors hear that it goes away, answers under way may end, and the machines are told to come back soon. */
async function leave(front: Front, edge: SupervisedEdge): Promise<void> {
  edge.goAway();
  const { answering } = front;
  if (answering > 0)
    say(`Stopping; under way: ${answering}, with ${GRACE_MS / 1000} s to end. Ctrl-C again does not wait.`);
  await front.drain(GRACE_MS, impatience());
  await edge.stop();
  await front.stop();
}

/** Kept until somebody has set the edge up, so that the link goes on working over restarts. */
async function ensureSetupToken(path: string): Promise<string> {
  const known = (await readFile(path, "utf8").catch(() => "")).trim();
  if (/^[\w-]{32,512}$/.test(known)) return known;
  const token = randomBytes(24).toString("base64url");
  await writePrivateFile(path, `${token}\n`);
  return token;
}

function report({ reason, failures, restartMs }: EdgeDeath, file: EdgeRunningFile): void {
  const next = restartMs === null ? "" : ` It is started again in ${restartMs / 1000} s.`;
  say(`${now()} ${styled("yellow", `The edge failed: ${reason}.`)} Failures in a row: ${failures}.${next}`);
  const lastFailure = { at: new Date().toISOString(), reason };
  file.update(
    restartMs === null
      ? { state: "gave_up", lastFailure }
      : { state: "restarting", lastFailure, restarts: file.state.restarts + 1 },
  );
}

function certificateNews(front: Front, file: EdgeRunningFile) {
  return {
    onRenewed: (certificate: Certificate) => {
      front.renew(certificate);
      say(`${now()} New certificate, good until ${day(certificate.endsAt)}.`);
      file.update({ certificate: { endsAt: certificate.endsAt.toISOString(), problem: null } });
    },
    onUnusable: (problem: string) => {
      say(`${now()} ${styled("yellow", problem)} The certificate from before stays in use.`);
      const { certificate } = file.state;
      if (certificate) file.update({ certificate: { ...certificate, problem } });
    },
  };
}

function banner(address: EdgeAddress, folder: DataFolder, setupUrl?: string, certificate?: Certificate): string[] {
  const { origin, host, port } = address;
  const dim = (text: string) => styled("dim", text);
  const until = certificate ? `, certificate good until ${day(certificate.endsAt)}` : "";
  return [
    `${styled("bold", "The edge is on")} at ${styled("cyan", origin)} ${dim(`(port ${port} of ${host}${until})`)}`,
    ...address.warnings.map((warning) => styled("yellow", warning)),
    "",
    ...(setupUrl === undefined
      ? []
      : [
          `  Set up    ${styled("cyan", setupUrl)}`,
          `            ${dim("who opens this link first owns the edge: keep it to yourself. 'porchlight status' shows it again")}`,
        ]),
    `  Machines  porchlight connect ${origin}   ${dim("on each machine that has models")}`,
    `  Backup    porchlight edge backup FILE   ${dim(`of ${folder.edge}`)}`,
    "",
    dim("Ctrl-C stops it. Its state stays."),
  ];
}

/** Why the front cannot listen, with the way out. */
function listenError(error: unknown, { host, port }: EdgeAddress, flag = "--port"): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") {
    return new CommandError("port_taken", `Port ${port} is taken by another program. Choose another with ${flag}.`);
  }
  if (code === "EACCES") {
    const way = `sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`;
    const message = `Port ${port} may not be used by this user. Choose one above 1023 with ${flag}, or allow it (Linux): ${way}`;
    return new CommandError("port_taken", message);
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAFNOSUPPORT") {
    return new CommandError("bad_usage", `This machine has no address ${host}. See --host.`);
  }
  return error;
}

function now(): string {
  return new Date().toISOString();
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

import { stat } from "node:fs/promises";
import { type Certificate, type CertificateFiles, loadCertificate } from "./certificate.ts";

/** Looked at by time and not by events: certbot swaps links, and a link's target changes without an event at the link. */
const EVERY_MS = 5_000;

export interface CertificateNews {
  onRenewed(certificate: Certificate): void;
  /** The files changed to what cannot be used: what was loaded before stays. */
  onUnusable(message: string): void;
}

/** Loads the two files again whenever they have changed. Returns a function that ends it. */
export async function watchCertificate(
  files: CertificateFiles,
  hostname: string,
  news: CertificateNews,
): Promise<() => void> {
  const look = await certificateLook(files, hostname, news);
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => {
      looking = false;
    });
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** One look at the two files, to be had again and again: it tells `news` what has changed since this was called. */
export async function certificateLook(
  files: CertificateFiles,
  hostname: string,
  news: CertificateNews,
): Promise<() => Promise<void>> {
  let seen = await mark(files);
  let doubted = "";
  return async () => {
    const now = await mark(files);
    if (now === seen) return;
    try {
      const certificate = await loadCertificate(files, hostname);
      if (now !== (await mark(files))) return; // it changed while it was read
      seen = now;
      news.onRenewed(certificate);
    } catch (error) {
      // The two are written one after the other: only what is still wrong at the next look is.
      if (doubted !== now) {
        doubted = now;
        return;
      }
      seen = now;
      news.onUnusable(error instanceof Error ? error.message : String(error));
    }
  };
}

/** What changes when one of the files does; links are followed. */
async function mark({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const infos = [certFile, keyFile].map((file) => stat(file).catch(() => undefined)); // not there is a state, too
  return (await Promise.all(infos)).map((info) => `${info?.ino}:${info?.mtimeMs}:${info?.size}`).join(" ");
}

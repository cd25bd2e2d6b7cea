import { once } from "node:events";
import type { DecoderOptions } from "../../node-agent/engine/decoder.ts";
import { endChild } from "../../node-agent/end-process.ts";
import { loadDecoder } from "../../node-agent/model/load.ts";
import { bytesIn } from "./bytes-in.ts";
import { type Converted, type ConvertJob, convertJobSchema } from "./convert-job.ts";

/** Converts one model in a process of its own, so that its memory can be told from anything else's. */

const [message] = await once(process, "message");
process.send?.(await convert(convertJobSchema.parse(message)), undefined, {}, endChild);

async function convert(job: ConvertJob): Promise<Converted> {
  /** When each stage was heard of first. */
  const begun = new Map<string, number>([["start", performance.now()]]);
  const written = { weightBytes: 0, convertPeakBytes: 0 };
  const onProgress: DecoderOptions["onProgress"] = (stage) => {
    if (begun.has(stage)) return;
    begun.set(stage, performance.now());
    if (stage !== "compiling") return;
    written.weightBytes = bytesIn(job.cacheDir);
    written.convertPeakBytes = peakBytes();
  };
  const decoder = await loadDecoder({ ...job, slots: 1, contextLength: 512, onProgress });
  begun.set("end", performance.now());
  await decoder.dispose();
  const between = (from: string, to: string) => (begun.get(to) ?? Number.NaN) - (begun.get(from) ?? Number.NaN);
  return {
    convertMs: between("start", "compiling"),
    compileMs: between("compiling", "loading"),
    openMs: between("loading", "end"),
    ...written,
    peakBytes: peakBytes(),
  };
}

function peakBytes(): number {
  // maxRSS is in KiB.
  return process.resourceUsage().maxRSS * 1024;
}

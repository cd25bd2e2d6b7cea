import { Archive } from "../../../node-agent/archive/archive.ts";
import { segmentOf } from "./segments.ts";

/** Puts segments into the archive of the folder it is given, one after the other, and says the number of each that was answered. */
const archive = await Archive.open(process.argv[2] ?? "");
for (let number = 0; ; number++) {
  await archive.put(segmentOf(number));
  process.send?.(number);
}

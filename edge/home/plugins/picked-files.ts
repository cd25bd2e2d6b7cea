import type { PickedFile } from "../../../shared/plugin/context.ts";
import type { HostPorts } from "../../../shared/plugin/host/grants.ts";
import type { BatchDesk } from "../batches/desk.ts";
import { PLUGIN_LIMITS } from "./limits.ts";

/** Types of what people pick, by the ending of its name: nobody says one when a file is uploaded. */
const TYPES: Readonly<Record<string, string>> = {
  csv: "text/csv",
  html: "text/html",
  json: "application/json",
  md: "text/markdown",
  pdf: "application/pdf",
  txt: "text/plain",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

/** Files that a caller keeps at this edge (`/v1/files`). */
export type KeptFiles = Pick<BatchDesk, "file" | "part">;

/** Of a caller's files those that were picked for one call, and no other. Undefined where none was. */
export function pickedFiles(kept: KeptFiles, callerId: string, ids: readonly string[] = []): HostPorts["files"] {
  if (ids.length === 0) return undefined;
  const find = (id: string) => (ids.includes(id) ? kept.file(callerId, id) : undefined);
  return {
    list: async () =>
      ids.flatMap((id): PickedFile[] => {
        const file = find(id);
        if (file === undefined) return [];
        const ending = file.filename.slice(file.filename.lastIndexOf(".") + 1).toLowerCase();
        return [{ id, name: file.filename, type: TYPES[ending] ?? "application/octet-stream", bytes: file.bytes }];
      }),
    read: async (id) => {
      const file = find(id);
      if (file === undefined) throw new Error("This file was not picked for this call.");
      if (file.bytes > PLUGIN_LIMITS.fileBytes)
        throw new RangeError("The file is larger than a plugin may read (8 MiB).");
      const whole = new Uint8Array(file.bytes);
      let at = 0;
      for (let part = 0; ; part++) {
        const bytes = kept.part(callerId, id, part);
        if (bytes === undefined) return whole;
        whole.set(bytes, at);
        at += bytes.length;
      }
    },
  };
}

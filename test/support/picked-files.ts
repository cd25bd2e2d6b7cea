import type { HostPorts } from "../../shared/plugin/host/grants.ts";

/** Files as a person picks them for a call. */
export function picked(
  files: readonly { name: string; content: string | Uint8Array; type?: string }[],
): NonNullable<HostPorts["files"]> {
  const bytes = files.map(
    ({ content }) => new Uint8Array(typeof content === "string" ? new TextEncoder().encode(content) : content),
  );
  return {
    list: async () =>
      files.map(({ name, type = "text/plain" }, index) => ({
        id: `file_${index}`,
        name,
        type,
        bytes: bytes[index]?.length ?? 0,
      })),
    read: async (id) => bytes[Number(id.slice("file_".length))] ?? new Uint8Array(),
  };
}

import type { PickedFile, PluginFiles } from "../../shared/plugin/index.ts";
import { decodeText } from "./text.ts";

/** Parts of a tool's input that is a text or a picked file. */
export const TEXT = { type: "string", description: "The text itself; left out to take a picked file" } as const;
export const FILE = {
  type: "string",
  description: "Name of the picked file, where there are several",
  maxLength: 300,
} as const;

/** A picked file by its name or id, or the only one. Throws RangeError with what can be picked. */
export async function pickedFile(files: PluginFiles | undefined, wanted: string | undefined): Promise<PickedFile> {
  const all = (await files?.list()) ?? [];
  const name = wanted?.trim() ?? "";
  if (all.length === 0) throw new RangeError("No file was picked. Ask the user to attach one.");
  const [only] = all;
  if (name === "" && only !== undefined && all.length === 1) return only;
  const found = all.find(({ id }) => id === name) ?? all.find((file) => file.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  const names = all.map((file) => `'${file.name}'`).slice(0, 20);
  throw new RangeError(
    `${name === "" ? "Say which file is meant" : `There is no picked file '${name}'`}: ${names.join(", ")}.`,
  );
}

/** The text that a call gives, or that of the file it names. */
export async function textOf(
  { input, files }: { input: { text?: string | undefined; file?: string | undefined }; files?: PluginFiles },
  mostBytes: number,
): Promise<string> {
  if (input.text !== undefined && input.text !== "") return input.text;
  if (files === undefined) throw new RangeError("Give 'text', or let the plugin see picked files.");
  const { id, name, bytes } = await pickedFile(files, input.file);
  if (bytes > mostBytes)
    throw new RangeError(`'${name}' is too large: at most ${Math.floor(mostBytes / 1_000_000)} MB are read.`);
  const content = await files.read(id);
  if (content.length > mostBytes) throw new RangeError(`'${name}' is too large.`);
  return decodeText(content);
}

import { isObject, type JsonObject, listOf, placeholder, textOf } from "./text.ts";

/** What a message says, with the names of what is attached. Undefined where its content cannot be read. */
export function contentText(content: JsonObject, metadata: JsonObject): string | undefined {
  const said = Array.isArray(content.parts) ? partsText(content.parts) : plainText(content);
  if (said === undefined) return undefined;
  const names = listOf(metadata.attachments)
    .filter(isObject)
    .map(({ name, id }) => placeholder("attachment", textOf(name) ?? textOf(id)));
  return [said, ...new Set(names)].filter((text) => text !== "").join("\n\n");
}

/** Thoughts, where the message is of such; a recap of how long it thought says nothing. */
export function reasoningText(content: JsonObject): string | undefined {
  if (content.content_type === "reasoning_recap") return "";
  if (content.content_type !== "thoughts") return undefined;
  if (typeof content.thoughts === "string") return content.thoughts;
  return listOf(content.thoughts)
    .filter(isObject)
    .map(({ summary, content: text }) =>
      [textOf(summary), textOf(text)].filter((line) => line !== undefined).join("\n"),
    )
    .filter((text) => text !== "")
    .join("\n\n");
}

function plainText(content: JsonObject): string | undefined {
  switch (content.content_type) {
    case "thoughts":
    case "reasoning_recap":
      return "";
    case "user_editable_context":
    case "model_editable_context":
      return "";
    case "tether_quote":
      return [textOf(content.title), textOf(content.url), textOf(content.text)]
        .filter((line) => line !== undefined)
        .join("\n");
    case "tether_browsing_display":
      return textOf(content.result) ?? textOf(content.summary) ?? "";
    default:
      return [content.text, content.result, content.content].find((text) => typeof text === "string");
  }
}

function partsText(parts: readonly unknown[]): string {
  return parts
    .map(partText)
    .filter((text) => text !== "")
    .join("\n\n");
}

function partText(part: unknown): string {
  if (typeof part === "string") return part;
  if (!isObject(part)) return "";
  const text = textOf(part.text);
  if (text !== undefined) return text;
  const kind = textOf(part.content_type) ?? "attachment";
  if (kind === "image_asset_pointer") return placeholder("image", pointerName(part));
  if (kind === "audio_asset_pointer") return placeholder("audio", pointerName(part));
  if (kind === "real_time_user_audio_video_asset_pointer") {
    return placeholder("audio", isObject(part.audio_asset_pointer) ? pointerName(part.audio_asset_pointer) : undefined);
  }
  return kind === "audio_transcription" ? "" : placeholder(kind.slice(0, 40), textOf(part.name) ?? pointerName(part));
}

/** The file's id, as the export's own files are named by it. */
function pointerName(part: JsonObject): string | undefined {
  return textOf(part.asset_pointer)?.replace(/^[a-z-]+:\/\//, "");
}

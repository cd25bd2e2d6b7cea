import { seededRandom } from "./seeded-random.ts";

/** Damage done to an entry, and what an import is to say of it. `raw`: the text of the entry is damaged; else its object is. */
export interface Damage {
  name: string;
  code: string;
  /** Whether the conversation comes in all the same. */
  kept?: true;
  entry?: (entry: Record<string, unknown>) => unknown;
  raw?: (text: string) => string;
}

export type ExportKind = "openai" | "claude";
type Node = { id: string; parent: string | null; children: string[]; message: Record<string, unknown> | null };

const WORDS =
  "the garden gate opens when rain falls on copper roofs and 花园的门 在雨中打开 nobody asks why café naïve Straße 🌧️ list of numbers code review".split(
    " ",
  );

/** Entry `i` of an OpenAI-shaped export: branches, hidden nodes, tools, images, and now and then an odd time or no title. */
export function openAiEntry(i: number, seed = 1): Record<string, unknown> {
  const random = seededRandom(seed * 1_000_003 + i);
  const start = 1_600_000_000 + i * 1000 + random();
  const mapping: Record<string, Node> = {};
  const root = uuid(random);
  mapping[root] = { id: root, parent: null, children: [], message: null };
  let last = root;
  const add = (parent: string, message: Record<string, unknown>): string => {
    const id = uuid(random);
    mapping[id] = { id, parent, children: [], message: { id, ...message } };
    mapping[parent]?.children.push(id);
    return id;
  };
  const say = (
    role: string,
    content: object,
    more: object = {},
    atS: number | null = start,
  ): Record<string, unknown> => ({
    author: { role, name: null, metadata: {} },
    create_time: atS,
    update_time: null,
    content,
    status: "finished_successfully",
    end_turn: true,
    weight: 1,
    metadata: role === "assistant" ? { model_slug: "gpt-4o", finish_details: { type: "stop" } } : {},
    recipient: "all",
    ...more,
  });
  const text = (words: string): object => ({ content_type: "text", parts: [words] });
  last = add(last, say("system", text(""), { metadata: { is_visually_hidden_from_conversation: true } }, null));
  if (i % 3 === 0) {
    const profile = {
      content_type: "user_editable_context",
      user_profile: "I grow tomatoes",
      user_instructions: "Be brief",
    };
    last = add(last, say("user", profile, { metadata: { is_visually_hidden_from_conversation: true } }));
  }
  const turns = 1 + Math.floor(random() * 4);
  for (let turn = 0; turn < turns; turn++) {
    const atS = start + turn * 60;
    const parts: unknown[] = [sentence(random, 12)];
    const asset = {
      content_type: "image_asset_pointer",
      asset_pointer: `sediment://file_${i}`,
      width: 640,
      height: 480,
    };
    if (i % 7 === 2) parts.unshift(asset);
    const question = say("user", { content_type: i % 7 === 2 ? "multimodal_text" : "text", parts }, {}, atS);
    if (i % 11 === 4) question.metadata = { attachments: [{ id: `file-${i}`, name: `notes ${i}.pdf`, size: 10 }] };
    last = add(last, question);
    if (i % 5 === 1) {
      const thoughts = { content_type: "thoughts", thoughts: [{ summary: "Looking", content: sentence(random, 6) }] };
      last = add(last, say("assistant", thoughts, {}, atS + 1));
      last = add(last, say("assistant", { content_type: "reasoning_recap", content: "Thought for 3s" }, {}, atS + 1));
    }
    if (i % 4 === 3) {
      const code = { content_type: "code", language: "python", text: `print(${i})` };
      last = add(last, say("assistant", code, { recipient: "python" }, atS + 2));
      const output = { content_type: "execution_output", text: String(i) };
      last = add(last, say("tool", output, { author: { role: "tool", name: "python", metadata: {} } }, atS + 3));
    }
    // An answer that was made again: the first one hangs beside the branch.
    add(last, say("assistant", text(`ABANDONED ${i}`), {}, atS + 4));
    last = add(last, say("assistant", text(sentence(random, 40)), {}, i % 13 === 5 ? null : atS + 5));
  }
  const id = uuid(random);
  const title = i % 97 === 50 ? null : `Talk ${i} ${sentence(random, 3)}`;
  return {
    title,
    create_time: i % 19 === 7 ? null : start,
    update_time: i % 23 === 8 ? String(start + 600) : start + 600,
    mapping,
    moderation_results: [],
    current_node: last,
    plugin_ids: null,
    conversation_id: id,
    gizmo_id: null,
    is_archived: false,
    safe_urls: [],
    default_model_slug: "gpt-4o",
    id,
  };
}

/** Entry `i` of a Claude-shaped export: blocks, thoughts, tools, attached texts. */
export function claudeEntry(i: number, seed = 1): Record<string, unknown> {
  const random = seededRandom(seed * 2_000_003 + i);
  const startMs = 1_700_000_000_000 + i * 1_000_000;
  const at = (s: number): string => new Date(startMs + s * 1000).toISOString().replace("Z", "123+00:00");
  const messages: unknown[] = [];
  const turns = 1 + Math.floor(random() * 4);
  for (let turn = 0; turn < turns; turn++) {
    const said = sentence(random, 12);
    const attachments =
      i % 6 === 1
        ? [{ file_name: `paste ${i}.txt`, file_size: 20, file_type: "txt", extracted_content: `EXTRACTED ${i}` }]
        : [];
    messages.push({
      uuid: uuid(random),
      text: said,
      content: [
        { start_timestamp: at(turn * 60), stop_timestamp: at(turn * 60), type: "text", text: said, citations: [] },
      ],
      sender: "human",
      created_at: at(turn * 60),
      updated_at: at(turn * 60),
      attachments,
      files: i % 8 === 2 ? [{ file_name: `photo-${i}.png` }] : [],
    });
    const blocks: object[] = [];
    if (i % 5 === 0) blocks.push({ type: "thinking", thinking: sentence(random, 10), summaries: [], cut_off: false });
    if (i % 4 === 2) {
      blocks.push({ type: "text", text: "Let me look." });
      blocks.push({ type: "tool_use", name: "web_search", input: { query: `q ${i}` }, message: "Searching" });
      blocks.push({
        type: "tool_result",
        name: "web_search",
        content: [{ type: "text", text: `found ${i}` }],
        is_error: false,
      });
    }
    const answer = sentence(random, 40);
    blocks.push({ type: "text", text: answer });
    messages.push({
      uuid: uuid(random),
      text: answer,
      content: i % 9 === 3 ? [] : blocks,
      sender: "assistant",
      created_at: at(turn * 60 + 5),
      updated_at: at(turn * 60 + 5),
      attachments: [],
      files: [],
    });
  }
  return {
    uuid: uuid(random),
    name: i % 97 === 50 ? "" : `Talk ${i} ${sentence(random, 3)}`,
    created_at: at(0),
    updated_at: at(600),
    account: { uuid: "00000000-0000-4000-8000-000000000001" },
    chat_messages: messages,
  };
}

/** The export's JSON in pieces: entries `0` to before `count`, entry `i` damaged where `damaged` says how. */
export function* exportText(
  kind: ExportKind,
  count: number,
  damaged: ReadonlyMap<number, Damage> = new Map(),
): Generator<string> {
  yield "[";
  for (let i = 0; i < count; i++) {
    const made = kind === "openai" ? openAiEntry(i) : claudeEntry(i);
    const { entry, raw } = damaged.get(i) ?? {};
    const text = JSON.stringify(entry === undefined ? made : entry(made)) ?? "";
    yield (i === 0 ? "" : ", ") + (raw === undefined ? text : raw(text));
  }
  yield "]";
}

function sentence(random: () => number, words: number): string {
  return Array.from({ length: words }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

import type { Damage } from "./export-files.ts";

type Entry = Record<string, unknown>;
type Nodes = Record<string, { id: string; parent: string | null; children: string[]; message: Entry | null }>;

/** The nodes of an OpenAI-shaped entry, to be damaged. */
function nodesOf(entry: Entry): Nodes {
  return entry.mapping as Nodes; // The generator made it.
}

function messagesOf(entry: Entry): Entry[] {
  return entry.chat_messages as Entry[]; // The generator made it.
}

function change(damage: (entry: Entry) => void): (entry: Entry) => Entry {
  return (entry) => {
    damage(entry);
    return entry;
  };
}

/** Cuts the last bracket off: the next entry then seems to be inside of this one. */
const unclosed = (text: string): string => text.slice(0, -1);

const BROKEN_TEXT: Damage[] = [
  { name: "an entry without its last bracket", code: "broken_json", raw: unclosed },
  {
    name: "a string that does not end",
    code: "broken_json",
    raw: (text) => text.replace('"title":"', '"title":"a" b').replace('"name":"', '"name":"a" b'),
  },
  {
    name: "a key without a value",
    code: "broken_json",
    raw: (text) => text.replace(/"(?:create_time|created_at)":[^,]+,/, '"create_time":,'),
  },
  { name: "a word that JSON lacks", code: "broken_json", raw: (text) => text.replace(/\{/, '{"odd":NaN,') },
  { name: "a bracket of the other kind", code: "broken_json", raw: (text) => `${text.slice(0, -1)}]` },
  {
    name: "a raw line break in a string",
    code: "broken_json",
    raw: (text) => text.replace(/"(?:title|name)":"/, "$&\n"),
  },
  { name: "a comma too many", code: "broken_json", raw: (text) => text.replace(/\}$/, ",}") },
  { name: "a missing colon", code: "broken_json", raw: (text) => text.replace(/"(create_time|created_at)":/, '"$1"') },
  {
    name: "an escape that there is not",
    code: "broken_json",
    raw: (text) => text.replace(/"(?:title|name)":"/, String.raw`$&\x`),
  },
  { name: "text between entries", code: "stray_text", kept: true, raw: (text) => `}${text}` },
  {
    name: "200 open brackets",
    code: "too_deep",
    raw: (text) => text.replace(/\{/, `{"deep":${"[".repeat(200)}${"]".repeat(200)},`),
  },
  { name: "null in its place", code: "not_object", raw: () => "null" },
  { name: "a number in its place", code: "not_object", raw: () => "12" },
  { name: "a list in its place", code: "not_object", raw: () => "[[1], {}]" },
  { name: "a text in its place", code: "not_object", raw: () => '"nothing"' },
  { name: "an object of another kind", code: "unknown_shape", raw: () => '{"hello":"world","format":"other"}' },
  { name: "an empty object", code: "unknown_shape", raw: () => "{}" },
];

/** What may be wrong with an entry of OpenAI's shape. Each leaves the entries around it whole. */
export const OPENAI_DAMAGES: readonly Damage[] = [
  ...BROKEN_TEXT,
  { name: "no mapping", code: "no_mapping", entry: change((entry) => (entry.mapping = null)) },
  { name: "a list for a mapping", code: "no_mapping", entry: change((entry) => (entry.mapping = [1, 2])) },
  { name: "an empty mapping", code: "no_messages", entry: change((entry) => (entry.mapping = {})) },
  {
    name: "messages in a circle",
    code: "circle",
    entry: change((entry) => {
      const nodes = nodesOf(entry);
      const root = Object.values(nodes).find(({ parent }) => parent === null);
      if (root) root.parent = entry.current_node as string; // The generator made it.
    }),
  },
  {
    name: "only hidden messages",
    code: "no_messages",
    entry: change((entry) => {
      for (const { message } of Object.values(nodesOf(entry))) {
        if (message) message.metadata = { is_visually_hidden_from_conversation: true };
      }
    }),
  },
  { name: "no current node", code: "branch_guessed", kept: true, entry: change((entry) => delete entry.current_node) },
  {
    name: "a current node that is not there",
    code: "branch_guessed",
    kept: true,
    entry: change((entry) => (entry.current_node = "gone")),
  },
  {
    name: "a parent that is not there",
    code: "broken_branch",
    kept: true,
    entry: change((entry) => {
      const nodes = Object.values(nodesOf(entry));
      const first = nodes.find(({ message }) => (message?.author as Entry | undefined)?.role === "user");
      if (first) first.parent = "gone";
    }),
  },
  {
    name: "a message without an author",
    code: "message_left_out",
    kept: true,
    entry: change((entry) => {
      const node = nodesOf(entry)[entry.current_node as string];
      if (node?.message) delete node.message.author;
    }),
  },
  {
    name: "a message of an unknown role",
    code: "message_left_out",
    kept: true,
    entry: change((entry) => {
      const node = nodesOf(entry)[entry.current_node as string];
      if (node?.message) node.message.author = { role: "oracle" };
    }),
  },
  {
    name: "a content that is a number",
    code: "message_left_out",
    kept: true,
    entry: change((entry) => {
      const node = nodesOf(entry)[entry.current_node as string];
      if (node?.message) node.message.content = 7;
    }),
  },
  {
    name: "no time at all",
    code: "no_time",
    kept: true,
    entry: change((entry) => {
      entry.create_time = "yesterday";
      entry.update_time = -5;
      for (const { message } of Object.values(nodesOf(entry))) if (message) message.create_time = 9e99;
    }),
  },
  {
    name: "a title of 5,000 characters",
    code: "title_shortened",
    kept: true,
    entry: change((entry) => (entry.title = "é🌧️".repeat(2500))),
  },
  {
    name: "an answer that was not finished",
    code: "not_finished",
    kept: true,
    entry: change((entry) => {
      const node = nodesOf(entry)[entry.current_node as string];
      if (node?.message) node.message.status = "in_progress";
    }),
  },
  {
    name: "a turn of 5 MB",
    code: "turn_too_large",
    entry: change((entry) => {
      const node = nodesOf(entry)[entry.current_node as string];
      if (node?.message) node.message.content = { content_type: "text", parts: ["long ".repeat(1_000_000)] };
    }),
  },
];

/** The same of Claude's shape. */
export const CLAUDE_DAMAGES: readonly Damage[] = [
  ...BROKEN_TEXT,
  { name: "messages that are no list", code: "no_mapping", entry: change((entry) => (entry.chat_messages = "none")) },
  { name: "no messages", code: "no_messages", entry: change((entry) => (entry.chat_messages = [])) },
  { name: "messages of null", code: "no_messages", entry: change((entry) => (entry.chat_messages = [null, null])) },
  {
    name: "messages in a circle",
    code: "circle",
    entry: change((entry) => {
      for (const message of messagesOf(entry)) message.parent_message_uuid = messagesOf(entry).at(-1)?.uuid;
    }),
  },
  {
    name: "a sender that nobody knows",
    code: "message_left_out",
    kept: true,
    entry: change((entry) => messagesOf(entry).push({ sender: "oracle", text: "?" })),
  },
  {
    name: "a text that is a list",
    code: "message_left_out",
    kept: true,
    entry: change((entry) => messagesOf(entry).push({ sender: "human", text: ["?"] })),
  },
  {
    name: "a number for a message",
    code: "message_left_out",
    kept: true,
    entry: change((entry) => messagesOf(entry).push(7 as never)),
  },
  {
    name: "no time at all",
    code: "no_time",
    kept: true,
    entry: change((entry) => {
      for (const holder of [entry, ...messagesOf(entry)])
        Object.assign(holder, { created_at: "soon", updated_at: null });
    }),
  },
  {
    name: "an answer before any question",
    code: "began_with_answer",
    kept: true,
    entry: change((entry) => messagesOf(entry).shift()),
  },
  {
    name: "a title of 5,000 characters",
    code: "title_shortened",
    kept: true,
    entry: change((entry) => (entry.name = "x".repeat(5000))),
  },
  {
    name: "a turn of 600 messages",
    code: "turn_too_long",
    entry: change((entry) => {
      const uses = Array.from({ length: 600 }, (_, n) => [
        { type: "tool_use", name: "t", input: { n } },
        { type: "tool_result", name: "t", content: "r" },
      ]);
      messagesOf(entry).push({ sender: "assistant", text: "", content: uses.flat() });
    }),
  },
  {
    name: "a turn of 5 MB",
    code: "turn_too_large",
    entry: change((entry) => messagesOf(entry).push({ sender: "human", text: "long ".repeat(1_000_000) })),
  },
];

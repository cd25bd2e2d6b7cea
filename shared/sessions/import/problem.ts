/**
 * What can be wrong with an entry of an import file: the sentence for people who read English. `skipped`: the conversation is not
 * taken; otherwise it is, and the sentence says what is different.
 */
export const IMPORT_PROBLEMS = {
  // The file.
  empty: { skipped: true, message: "The file is empty." },
  not_export: { skipped: true, message: "This is no export file: it holds no JSON." },
  no_conversations: { skipped: true, message: "The zip file holds no conversations.json." },
  bad_zip: { skipped: true, message: "The zip file is damaged or of a kind that cannot be read here." },
  unsafe_name: { skipped: true, message: "A name in the zip file leads out of it; that file was not read." },
  bomb: { skipped: true, message: "The zip file unpacks to far more than conversations ever do. It was not read on." },
  unfinished: {
    skipped: true,
    message: "The file ends before its list of conversations does: the rest of it is missing.",
  },
  // One entry, as JSON.
  broken_json: { skipped: true, message: "Its JSON is broken." },
  stray_text: { skipped: false, message: "Before it stands something that belongs to no conversation." },
  truncated: { skipped: true, message: "The file ends in the middle of it." },
  too_large: { skipped: true, message: "It is larger than what can be read here (48 MiB)." },
  too_deep: { skipped: true, message: "It is nested deeper than any export is." },
  // One entry, as a conversation.
  not_object: { skipped: true, message: "It is no conversation but a single value." },
  unknown_shape: {
    skipped: true,
    message: "It has neither the shape of OpenAI's nor of Claude's nor of Porchlight's exports.",
  },
  no_mapping: { skipped: true, message: "Its messages are not there." },
  circle: { skipped: true, message: "Its messages answer each other in a circle." },
  no_messages: { skipped: true, message: "Nothing was said in it." },
  duplicate: { skipped: true, message: "The file holds a conversation of this id twice; the first one was taken." },
  not_exported: { skipped: true, message: "The export could not read it: its machine was offline. Export it again." },
  newer_version: { skipped: true, message: "It was written by a newer Porchlight. Update this one and try again." },
  bad_turn: { skipped: true, message: "One of its turns is damaged." },
  turn_too_large: { skipped: true, message: "One of its turns is larger than a turn may be (4 MiB)." },
  turn_too_long: { skipped: true, message: "One of its turns has more messages than a turn may have (512)." },
  conversation_too_large: { skipped: true, message: "It is larger than what Porchlight takes in one piece (16 MiB)." },
  too_many_turns: { skipped: true, message: "It has more turns than a conversation may have." },
  refused: { skipped: true, message: "Porchlight did not take it." },
  // Taken, but not as it was.
  message_left_out: { skipped: false, message: "Messages that are damaged were left out." },
  branch_guessed: { skipped: false, message: "It does not say which branch is the current one; the latest was taken." },
  broken_branch: { skipped: false, message: "Its beginning is missing: the messages that hang together were taken." },
  no_time: { skipped: false, message: "It has no usable time; the time of the import was taken." },
  began_with_answer: { skipped: false, message: "It begins with an answer: an empty question was put before it." },
  title_shortened: { skipped: false, message: "Its title was shortened." },
  not_finished: {
    skipped: false,
    message: "An answer was still being written when it was exported; it counts as stopped.",
  },
} as const satisfies Record<string, { skipped: boolean; message: string }>;

export type ImportProblemCode = keyof typeof IMPORT_PROBLEMS;

/** Something to tell whoever imports. */
export interface ImportProblem {
  code: ImportProblemCode;
  /** Which file of a zip, where there are several. */
  file?: string;
  /** The number of the entry in its file, from 1; absent: it is about the whole file. */
  entry?: number;
  /** Where in the file it begins or breaks, in bytes. */
  byte?: number;
  /** The conversation's title, as far as it can be read. */
  label?: string;
  /** How many times, where it can be more than once. */
  count?: number;
  /** What more is known, in English: not for translation. */
  detail?: string;
}

/** An error that is about one conversation: its converter throws it, its reader reports it. */
export class ImportError extends Error {
  override readonly name = "ImportError";
  readonly code: ImportProblemCode;
  readonly detail: string | undefined;

  constructor(code: ImportProblemCode, detail?: string) {
    super(IMPORT_PROBLEMS[code].message);
    this.code = code;
    this.detail = detail;
  }
}

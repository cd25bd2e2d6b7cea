import { IMPORT_PROBLEMS, type ImportProblemCode } from "../../../shared/sessions/import/problem.ts";

const problems = Object.fromEntries(
  Object.entries(IMPORT_PROBLEMS).map(([code, { message }]) => [code, message]),
) as Record<ImportProblemCode, string>; // an entry for each

/** The page that brings conversations in and takes them out. Part of `en`. */
export const importEn = {
  transfer: {
    title: "Import and export",
    import: "Bring conversations in",
    importText:
      "Choose the file that OpenAI or Claude gave you under “Export data”, as it came: the zip, or the conversations.json in it. A file that you exported here works too. It is read on this device; only the conversations are sent.",
    file: "Export file",
    start: "Import",
    stop: "Stop",
    reading: "{added} imported, {known} were here already, {skipped} left out; {mb} MB read",
    done: "Done: {added} imported, {known} were here already, {skipped} left out.",
    stopped: "Stopped: {added} imported, {known} were here already. Choose the same file again to go on.",
    failed: "It broke off: {reason} What was imported stays; choose the same file again to go on.",
    unreadable: "The file cannot be read. Choose it again.",
    toChat: "To the conversations",
    problems: "What was not as it should be",
    entry: "Entry {n}",
    leftOut: "left out",
    changed: "imported, but changed",
    more: "And {n} more.",
    times: "{n} times",
    export: "Take conversations out",
    exportText:
      "All of your conversations in one file, a line of JSON for each. You can keep it, search it, or bring it in elsewhere.",
    download: "Download all",
    account: "Bring conversations in from OpenAI or Claude, or take all of yours out as a file.",
    network: "the server cannot be reached.",
    problemTexts: problems,
  },
};

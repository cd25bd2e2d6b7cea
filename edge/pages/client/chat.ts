import type { ChatPageData } from "../chat/page-data.ts";
import { format } from "../i18n/format.ts";
import { Chat } from "./logic/chat.ts";
import { AnswerError } from "./logic/completion.ts";
import { Sessions } from "./logic/sessions.ts";
import { bringOver } from "./ui/bring-over.ts";
import { Composer } from "./ui/composer.ts";
import { copyWithButton } from "./ui/copy.ts";
import { onAction, part } from "./ui/dom.ts";
import { HomeWatch } from "./ui/home-watch.ts";
import { announce, toast } from "./ui/notify.ts";
import { StickyScroll } from "./ui/scroll.ts";
import { SearchBox } from "./ui/search-box.ts";
import { errorSentence } from "./ui/sentences.ts";
import { SettingsDialog } from "./ui/settings-dialog.ts";
import { startShell } from "./ui/shell.ts";
import { Sidebar } from "./ui/sidebar.ts";
import { StatusView } from "./ui/status-view.ts";
import { openStorage, remember } from "./ui/storage.ts";
import { Tabs } from "./ui/tabs.ts";
import { Thread } from "./ui/thread.ts";
import { TraceDialog } from "./ui/trace-dialog.ts";

// The server of the same build wrote this JSON, typed by ChatPageData.
const { account, strings } = JSON.parse(document.querySelector("#page-data")?.textContent ?? "") as ChatPageData;
const ACTIVE_KEY = `porchlight/active/${account}`;
const DRAFT_KEY = `porchlight/draft/${account}`;
const mac = navigator.userAgent.includes("Mac");

const local = openStorage("localStorage");
const session = openStorage("sessionStorage");
const sessions = new Sessions((path, init) => fetch(path, init));
const scroll = new StickyScroll(part("scroller"), part("jump"));
const thread = new Thread(part("thread"), strings, () => scroll.follow());
const tabs = new Tabs(account, () => void chat.refresh());
/** Deletions that may still be taken back. */
const deletions = new Set<(isLast?: boolean) => void>();

const chat = new Chat(sessions, {
  listChanged: () => sidebar.show(chat.list(), chat.active, chat.hasMore),
  messagesChanged: (conversation) => {
    if (conversation === chat.active) showActive();
  },
  textGrew: (conversation, answer) => {
    if (conversation === chat.active) thread.grow(answer);
  },
  answerEnded: (conversation, answer) => {
    if (answer.state === "failed") void watch.check();
    if (conversation === chat.active) announce(answer.state === "done" ? strings.answered : strings.stopped);
  },
  told: () => tabs.tell(),
  failed: (error) => toast(errorSentence(error, strings)),
});
const sidebar = new Sidebar(strings, {
  open: (id) => void openConversation(id),
  remove: (id) => removeConversation(id),
  more: () => void chat.more(),
});
const search = new SearchBox(strings, {
  search: async (text) => {
    return await sessions.search(text).catch((error: AnswerError) => {
      toast(errorSentence(error, strings));
      return undefined;
    });
  },
  open: (id, turn) => void openConversation(id, turn),
});
const settings = new SettingsDialog((conversation, change) => void chat.change(conversation, change));
const traces = new TraceDialog(strings);
const status = new StatusView(
  strings,
  { getItem: (key) => local.storage.getItem(key), setItem: (key, value) => remember(local.storage, key, value) },
  () => showActive(),
);
const watch = new HomeWatch((state) => {
  status.show(state);
  showActive();
});
const composer = new Composer({
  submit: (text) => void send(text),
  draftChanged: (text) => remember(session.storage, DRAFT_KEY, text),
});

async function openConversation(id?: string, turn?: number): Promise<void> {
  sidebar.closeDrawer();
  composer.focus();
  scroll.toEnd();
  await chat.open(id, turn);
  if (turn === undefined) scroll.toEnd();
  else thread.showTurn(turn);
}

function removeConversation(id: string): void {
  const { undo, done } = chat.remove(id);
  const settle = (isLast?: boolean): void => {
    deletions.delete(settle);
    done(isLast);
  };
  const takeBack = (): void => {
    deletions.delete(settle);
    undo();
  };
  deletions.add(settle);
  toast(strings.deleted, takeBack, settle);
}

async function openSettings(): Promise<void> {
  settings.open(await chat.opened());
}

/** Sends if there is someone to answer; what was believed to be offline is asked once more before it is said. */
async function send(text: string): Promise<void> {
  if (status.model()?.online !== true) await watch.check();
  const model = status.model();
  if (model === undefined) {
    toast(strings.noModelPicked);
    return;
  }
  composer.setText("");
  const answered = chat.send(text, model.id);
  announce(strings.answering);
  scroll.toEnd();
  await answered;
}

function regenerate(): void {
  const model = status.model();
  if (model === undefined) toast(strings.noModelPicked);
  else void chat.regenerate(model.id);
}

/** Brings the page in line with the active conversation. */
function showActive(): void {
  const { active } = chat;
  const { messages, firstTurn } = active;
  const trace = messages.findLast((message) => message.trace !== undefined)?.trace;
  const seenFrom = trace?.window.from ?? 0;
  const title = active.title === "" ? strings.untitled : active.title;
  const empty = messages.length === 0 && active.turnCount === 0;
  thread.show(active, seenFrom > firstTurn ? messages.findIndex(({ turn }) => turn === seenFrom) : 0);
  part("earlier").hidden = firstTurn === 0 || messages.length === 0;
  part("empty-on").hidden = !empty || status.offline;
  part("empty-off").hidden = !empty || !status.offline;
  part("offline").hidden = empty || !status.offline;
  part("window-note").textContent = trace === undefined ? "" : windowNote(trace.window);
  part("title").textContent = title;
  document.title = `${title} · Porchlight`;
  composer.setRunning(chat.isRunning());
  remember(session.storage, ACTIVE_KEY, active.id);
}

function windowNote({
  turns,
  withoutRoom,
  from,
  to,
}: {
  turns: number;
  withoutRoom: number;
  from: number;
  to: number;
}): string {
  if (withoutRoom === 0) return turns === 1 ? strings.windowLast : format(strings.windowAll, { n: turns });
  // With the one that was answered.
  return from === to ? strings.windowOne : format(strings.windowFit, { n: to - from + 1 });
}

async function showEarlier(): Promise<void> {
  const scroller = part("scroller");
  const { scrollHeight, scrollTop } = scroller;
  await chat.older();
  scroller.scrollTop = scrollTop + scroller.scrollHeight - scrollHeight;
}

async function copyAnswer(button: HTMLElement): Promise<void> {
  const copied = await copyWithButton(button, thread.messageAt(button)?.content ?? "");
  toast(copied ? strings.copied : strings.copyFailed);
}

async function showTrace(button: HTMLElement): Promise<void> {
  const answer = thread.messageAt(button);
  if (answer !== undefined) traces.show(await chat.trace(answer));
}

async function fork(button: HTMLElement): Promise<void> {
  const turn = thread.messageAt(button)?.turn;
  if (turn === undefined) return;
  await chat.fork(turn);
  toast(strings.forked);
  scroll.toEnd();
  composer.focus();
}

async function decide(button: HTMLElement, decision: "allow" | "deny"): Promise<void> {
  const { approval: id = "", hash = "" } = button.dataset;
  const buttons = button.parentElement?.querySelectorAll("button") ?? [];
  for (const one of buttons) one.disabled = true;
  try {
    await sessions.decide({ id, hash }, decision);
    announce(decision === "allow" ? strings.allowed : strings.denied);
    composer.focus();
  } catch (error) {
    for (const one of buttons) one.disabled = false;
    if (!(error instanceof AnswerError)) throw error;
    toast(errorSentence(error, strings));
  }
}

startShell(() => toast(strings.copyFailed));
onAction(document, "new-conversation", () => {
  search.clear();
  void openConversation();
});
onAction(document, "open-settings", () => void openSettings());
onAction(document, "suggest", (chip) => void send(chip.textContent.trim()));
onAction(document, "stop", () => chat.stop());
onAction(document, "jump", () => scroll.toEnd());
onAction(document, "earlier", () => void showEarlier());
onAction(document, "regenerate", regenerate);
onAction(document, "retry", regenerate);
onAction(document, "copy-answer", (button) => void copyAnswer(button));
onAction(document, "show-trace", (button) => void showTrace(button));
onAction(document, "allow-call", (button) => void decide(button, "allow"));
onAction(document, "deny-call", (button) => void decide(button, "deny"));
onAction(document, "fork", (button) => void fork(button));

document.addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]") !== null) return;
  if (event.key === "Escape" && !sidebar.closeDrawer()) chat.stop();
  if (event.key.toLowerCase() !== "k" || !(mac ? event.metaKey : event.ctrlKey) || event.shiftKey) return;
  event.preventDefault();
  void openConversation();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void chat.refresh();
});
addEventListener("pagehide", () => {
  for (const settle of deletions) settle(true);
});

/** The conversation that the address names, or that this tab had open. */
async function start(): Promise<void> {
  const named = new URLSearchParams(location.search).get("session");
  const last = named ?? session.storage.getItem(ACTIVE_KEY) ?? "";
  await Promise.all([chat.refresh(), openConversation(last === "" ? undefined : last)]);
  if ((await bringOver(local.storage, account, sessions)) > 0) await chat.refresh();
}

if (mac) part("new-key").textContent = "⌘ K";
composer.setText(session.storage.getItem(DRAFT_KEY) ?? "");
void watch.check();
void start();

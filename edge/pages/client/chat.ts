import type { ChatPageData } from "../chat/page-data.ts";
import { format } from "../i18n/format.ts";
import { Chat } from "./logic/chat.ts";
import { ConversationStore } from "./logic/store.ts";
import { MAX_TURNS } from "./logic/turns.ts";
import { Composer } from "./ui/composer.ts";
import { copyWithButton } from "./ui/copy.ts";
import { onAction, part } from "./ui/dom.ts";
import { HomeWatch } from "./ui/home-watch.ts";
import { announce, toast } from "./ui/notify.ts";
import { StickyScroll } from "./ui/scroll.ts";
import { startShell } from "./ui/shell.ts";
import { Sidebar } from "./ui/sidebar.ts";
import { StatusView } from "./ui/status-view.ts";
import { openStorage, remember } from "./ui/storage.ts";
import { Thread } from "./ui/thread.ts";

// The server of the same build wrote this JSON, typed by ChatPageData.
const { account, strings } = JSON.parse(document.querySelector("#page-data")?.textContent ?? "") as ChatPageData;
const ACTIVE_KEY = `porchlight/active/${account}`;
const DRAFT_KEY = `porchlight/draft/${account}`;
const mac = navigator.userAgent.includes("Mac");

const local = openStorage("localStorage");
const session = openStorage("sessionStorage");
const store = new ConversationStore(local.storage, account);
const scroll = new StickyScroll(part("scroller"), part("jump"));
const thread = new Thread(part("thread"), strings, () => scroll.follow());
let troubleTold = false;

const chat = new Chat(store, {
  listChanged: () => sidebar.show(chat.list(), chat.active.id),
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
  storageTrouble: (result) => {
    if (!troubleTold) toast(result === "evicted" ? strings.storageFull : strings.storageOff);
    troubleTold = true;
  },
});
const sidebar = new Sidebar(strings, {
  open: (id) => openConversation(id),
  remove: (id) => toast(strings.deleted, chat.remove(id)),
});
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

function openConversation(id?: string): void {
  chat.open(id);
  scroll.toEnd();
  composer.focus();
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
  const answered = chat.send(text, model);
  announce(strings.answering);
  scroll.toEnd();
  await answered;
}

function regenerate(): void {
  const model = status.model();
  if (model === undefined) toast(strings.noModelPicked);
  else void chat.regenerate(model);
}

/** Brings the page in line with the active conversation. */
function showActive(): void {
  const { active } = chat;
  const { messages, turns, limitedBy } = chat.window(status.model());
  const first = messages[0];
  const unseen = limitedBy === "none" || first === undefined ? 0 : active.messages.indexOf(first);
  const title = active.title === "" ? strings.untitled : active.title;
  const empty = active.messages.length === 0;
  thread.show(active, unseen);
  part("empty-on").hidden = !empty || status.offline;
  part("empty-off").hidden = !empty || !status.offline;
  part("offline").hidden = empty || !status.offline;
  part("window-note").textContent = empty ? "" : windowNote(turns, limitedBy);
  part("title").textContent = title;
  document.title = `${title} · Porchlight`;
  composer.setRunning(chat.isRunning());
  remember(session.storage, ACTIVE_KEY, active.id);
}

function windowNote(turns: number, limitedBy: string): string {
  if (limitedBy !== "context") return format(strings.windowAll, { n: MAX_TURNS });
  return turns === 1 ? strings.windowOne : format(strings.windowFit, { n: turns });
}

async function copyAnswer(button: HTMLElement): Promise<void> {
  const copied = await copyWithButton(button, thread.messageAt(button)?.content ?? "");
  toast(copied ? strings.copied : strings.copyFailed);
}

function startNew(): void {
  sidebar.closeDrawer();
  openConversation();
}

startShell(() => toast(strings.copyFailed));
onAction(document, "new-conversation", startNew);
onAction(document, "suggest", (chip) => void send(chip.textContent.trim()));
onAction(document, "stop", () => chat.stop());
onAction(document, "jump", () => scroll.toEnd());
onAction(document, "regenerate", regenerate);
onAction(document, "retry", regenerate);
onAction(document, "copy-answer", (button) => void copyAnswer(button));

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (event.key === "Escape" && !sidebar.closeDrawer()) chat.stop();
  if (event.key.toLowerCase() !== "k" || !(mac ? event.metaKey : event.ctrlKey) || event.shiftKey) return;
  event.preventDefault();
  startNew();
});
addEventListener("storage", (event) => {
  if (store.owns(event.key)) chat.reload();
});
addEventListener("pagehide", () => chat.leave());
addEventListener("pageshow", () => chat.comeBack());

if (mac) part("new-key").textContent = "⌘ K";
const draft = session.storage.getItem(DRAFT_KEY) ?? "";
chat.open(session.storage.getItem(ACTIVE_KEY) ?? undefined);
scroll.toEnd();
composer.setText(draft);
composer.focus();
void watch.check();
void chat.resumeInterrupted();

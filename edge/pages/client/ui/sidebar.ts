import { format } from "../../i18n/format.ts";
import type { ClientStrings } from "../../i18n/index.ts";
import type { Conversation } from "../logic/conversation.ts";
import { cloneTemplate, onAction, part } from "./dom.ts";

type SidebarEvents = { open: (id: string) => void; remove: (id: string) => void; more: () => void };

/** The list of conversations, and the drawer it lives in on a narrow screen. */
export class Sidebar {
  private readonly list = part("conversations");
  private readonly sidebar = part("sidebar");
  private readonly room = part("room");
  private readonly shade = part("shade");
  private readonly strings: ClientStrings;
  private opener: HTMLElement | undefined;

  constructor(strings: ClientStrings, events: SidebarEvents) {
    this.strings = strings;
    onAction(document, "open-menu", (button) => this.openDrawer(button));
    onAction(document, "close-menu", () => this.closeDrawer());
    onAction(this.list, "open-conversation", (button) => {
      this.closeDrawer();
      events.open(idOf(button));
    });
    onAction(this.sidebar, "more-conversations", () => events.more());
    onAction(this.list, "delete-conversation", (button) => events.remove(idOf(button)));
    // A drawer left open must not lock the page when the window becomes wide enough for the column.
    matchMedia("(min-width: 56rem)").addEventListener("change", () => this.closeDrawer());
  }

  show(conversations: readonly Conversation[], active: Conversation, hasMore: boolean): void {
    const focusedId = document.activeElement?.closest<HTMLElement>("[data-id]")?.dataset["id"];
    this.list.replaceChildren(...conversations.map((conversation) => this.item(conversation, conversation === active)));
    part("more", this.sidebar).hidden = !hasMore;
    if (focusedId === undefined) return;
    const same = this.list.querySelector<HTMLElement>(`[data-id="${focusedId}"] .conversation-open`);
    const next =
      same ?? this.sidebar.querySelector<HTMLElement>('.conversation-open, [data-action="new-conversation"]');
    next?.focus();
  }

  /** Closes the drawer; false if it was not open. */
  closeDrawer(): boolean {
    if (this.sidebar.dataset["open"] === undefined) return false;
    delete this.sidebar.dataset["open"];
    this.shade.hidden = true;
    this.room.inert = false;
    this.opener?.setAttribute("aria-expanded", "false");
    this.opener?.focus();
    return true;
  }

  private openDrawer(opener: HTMLElement): void {
    this.opener = opener;
    opener.setAttribute("aria-expanded", "true");
    this.sidebar.dataset["open"] = "";
    this.shade.hidden = false;
    this.room.inert = true;
    this.sidebar.querySelector<HTMLElement>('[data-action="close-menu"]')?.focus();
  }

  private item(conversation: Conversation, isActive: boolean): HTMLElement {
    const item = cloneTemplate("conversation");
    const title = conversation.title === "" ? this.strings.untitled : conversation.title;
    item.dataset["id"] = conversation.id;
    part("conversation-title", item).textContent = title;
    const open = item.querySelector(".conversation-open");
    if (isActive) open?.setAttribute("aria-current", "true");
    const remove = item.querySelector<HTMLElement>('[data-action="delete-conversation"]');
    const label = format(remove?.getAttribute("aria-label") ?? "", { title });
    remove?.setAttribute("aria-label", label);
    remove?.setAttribute("title", label);
    return item;
  }
}

function idOf(element: HTMLElement): string {
  return element.closest<HTMLElement>("[data-id]")?.dataset["id"] ?? "";
}

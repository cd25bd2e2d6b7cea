import type { ClientStrings } from "../../i18n/index.ts";
import type { SearchHits } from "../logic/sessions.ts";
import { cloneTemplate, onAction, part, partOf } from "./dom.ts";

/** Somebody who types is not asked about every letter. */
const PAUSE_MS = 250;

type SearchEvents = {
  search: (text: string) => Promise<SearchHits | undefined>;
  open: (id: string, turn: number | undefined) => void;
};

/** Search in all conversations: what is found takes the place of the list while something is typed. */
export class SearchBox {
  private readonly input = partOf(HTMLInputElement, "search");
  private readonly found = part("found");
  private readonly note = part("found-note");
  private readonly list = part("listed");
  private readonly strings: ClientStrings;
  private readonly events: SearchEvents;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(strings: ClientStrings, events: SearchEvents) {
    this.strings = strings;
    this.events = events;
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.search(), PAUSE_MS);
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.input.value === "") return;
      event.stopPropagation();
      this.clear();
    });
    onAction(this.found, "open-found", (button) => {
      const { id = "", turn } = button.dataset;
      events.open(id, turn === undefined ? undefined : Number(turn));
    });
  }

  clear(): void {
    this.input.value = "";
    void this.search();
  }

  private async search(): Promise<void> {
    const text = this.input.value.trim();
    const hits = text === "" ? undefined : await this.events.search(text);
    if (text !== this.input.value.trim()) return; // More was typed meanwhile.
    this.list.hidden = hits !== undefined;
    this.found.hidden = hits === undefined;
    this.found.replaceChildren(...(hits?.hits ?? []).map((hit) => this.item(hit)));
    this.note.textContent = hits === undefined ? "" : this.noteOf(hits);
  }

  private noteOf({ hits, complete }: SearchHits): string {
    if (!complete) return this.strings.searchIncomplete;
    return hits.length === 0 ? this.strings.searchNothing : "";
  }

  private item({ sessionId, title, index, snippet }: SearchHits["hits"][number]): HTMLElement {
    const item = cloneTemplate("found");
    const button = partOf(HTMLButtonElement, "found-open", item);
    button.dataset["id"] = sessionId;
    if (index !== null) button.dataset["turn"] = String(index);
    part("found-title", item).textContent = title === "" ? this.strings.untitled : title;
    part("found-text", item).textContent = index === null ? "" : snippet;
    return item;
  }
}

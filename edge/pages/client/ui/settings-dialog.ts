import type { SessionSettings } from "../../../../shared/sessions/settings.ts";
import type { Conversation } from "../logic/conversation.ts";
import { onAction, part, partOf } from "./dom.ts";

type Change = { title: string; settings: SessionSettings };

/** How a conversation is called and held. What is left empty is as everywhere. */
export class SettingsDialog {
  private readonly dialog = partOf(HTMLDialogElement, "settings");
  private readonly form = partOf(HTMLFormElement, "settings-form");
  private shown: Conversation | undefined;

  constructor(save: (conversation: Conversation, change: Change) => void) {
    onAction(this.dialog, "close-dialog", () => this.dialog.close());
    this.form.addEventListener("submit", () => {
      if (this.shown !== undefined) save(this.shown, this.read(this.shown));
    });
  }

  open(conversation: Conversation): void {
    this.shown = conversation;
    const { title, settings } = conversation;
    const values: Record<string, string> = {
      title,
      window: String(settings.window ?? ""),
      summary: settings.summary ?? "",
      retrieval: settings.retrieval ?? "",
      memory: settings.memory ?? "",
      // What names single plugins stays as it is: see `read`.
      plugins: settings.plugins?.length === 0 ? "off" : "",
      knowledge: settings.knowledge === "on" ? "on" : "",
      approval: settings.approval === "tainted" ? "" : (settings.approval ?? ""),
      instructions: settings.instructions ?? "",
    };
    for (const [name, value] of Object.entries(values)) this.field(name).value = value;
    const downloads = part("downloads", this.form);
    downloads.hidden = conversation.id === "";
    for (const link of downloads.querySelectorAll("a")) {
      link.href = `/api/sessions/${conversation.id}/export?format=${link.dataset["format"]}`;
      link.download = "";
    }
    this.dialog.showModal();
  }

  private read({ settings }: Conversation): Change {
    const set = ["window", "summary", "retrieval", "memory", "instructions", "knowledge", "approval"];
    const rest = Object.fromEntries(Object.entries(settings).filter(([name]) => !set.includes(name)));
    if (settings.plugins?.length === 0) delete rest["plugins"];
    const value = (name: string): string => this.field(name).value.trim();
    const given = {
      window: value("window") === "" ? undefined : Number(value("window")),
      summary: value("summary") || undefined,
      retrieval: value("retrieval") || undefined,
      memory: value("memory") || undefined,
      instructions: value("instructions") || undefined,
      plugins: value("plugins") === "off" ? [] : undefined,
      knowledge: value("knowledge") || undefined,
      approval: value("approval") || undefined,
    };
    const chosen = Object.fromEntries(Object.entries(given).filter(([, one]) => one !== undefined));
    // The form's own choices are those of the schema; the edge checks them.
    return { title: value("title"), settings: { ...rest, ...(chosen as SessionSettings) } };
  }

  private field(name: string): HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement {
    const field = this.form.elements.namedItem(name);
    const isField =
      field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement;
    if (!isField) throw new Error(`The page has no field "${name}".`);
    return field;
  }
}

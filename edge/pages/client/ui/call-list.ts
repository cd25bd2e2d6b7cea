import { format } from "../../i18n/format.ts";
import type { ClientStrings } from "../../i18n/index.ts";
import type { ToolCall } from "../logic/tool-calls.ts";
import { cloneTemplate, part, partOf } from "./dom.ts";

/** The calls of an answer, a quiet line each that opens; and what the person is asked, with exactly what would be sent. */
export class CallList {
  private readonly list: HTMLElement;
  private readonly strings: ClientStrings;
  private readonly shown = new Map<string, { state: ToolCall["state"]; element: HTMLElement }>();

  constructor(list: HTMLElement, strings: ClientStrings) {
    this.list = list;
    this.strings = strings;
  }

  show(calls: readonly ToolCall[]): void {
    this.list.hidden = calls.length === 0;
    for (const call of calls) {
      const known = this.shown.get(call.key);
      if (known?.state === call.state) continue;
      const element = this.item(call);
      if (known === undefined) this.list.append(element);
      else known.element.replaceWith(element);
      this.shown.set(call.key, { state: call.state, element });
      if (call.state === "waiting") partOf(HTMLButtonElement, "deny", element).focus();
    }
  }

  private item(call: ToolCall): HTMLElement {
    return call.state === "waiting" ? this.question(call) : this.line(call);
  }

  private line({ tool, arguments: text, state, result }: ToolCall): HTMLElement {
    const element = cloneTemplate("call");
    const words = {
      running: this.strings.callRunning,
      waiting: "",
      done: this.strings.callDone,
      failed: this.strings.callFailed,
    };
    element.dataset["state"] = state;
    part("call-name", element).textContent = format(words[state], { tool });
    part("call-arguments", element).textContent = text;
    part("call-result", element).textContent = result;
    part("call-result", element).hidden = result === "";
    return element;
  }

  private question({ tool, approval }: ToolCall): HTMLElement {
    const element = cloneTemplate("approval");
    part("approval-text", element).textContent = format(this.strings.approvalAsk, {
      tool,
      source: approval?.source ?? "",
    });
    part("approval-arguments", element).textContent = approval?.arguments ?? "";
    for (const button of element.querySelectorAll("button")) {
      button.dataset["approval"] = approval?.id ?? "";
      button.dataset["hash"] = approval?.hash ?? "";
    }
    return element;
  }
}

import { Button } from "./button.tsx";
import { Lamp } from "./icons.tsx";
import type { Strings } from "../i18n/index.ts";

/** One message of a conversation. Rendered inside `<template>`: the script clones it and fills the parts. */
export function Message({ role, strings }: { role: "user" | "assistant"; strings: Strings["chat"] }) {
  const mine = role === "user";
  return (
    <article class="message" data-part="message" data-role={role}>
      <h2 class="visually-hidden">{mine ? strings.you : strings.assistant}</h2>
      {mine ? null : (
        <div class="message-mark">
          <Lamp />
        </div>
      )}
      <div class="message-main">
        {mine ? null : (
          <details class="thoughts" data-part="thoughts" hidden>
            <summary>{strings.thoughts}</summary>
            <div class="thoughts-text" data-part="thoughts-text" />
          </details>
        )}
        {mine ? null : <ul class="calls" data-part="calls" hidden />}
        <div class={mine ? "message-body message-plain" : "message-body prose"} data-part="body" />
        {mine ? null : (
          <>
            <div class="message-error" data-part="error" hidden>
              <p data-part="error-text" />
              <Button label={strings.retry} icon="again" kind="plain" action="retry" />
            </div>
            <footer class="message-foot" data-part="foot" hidden>
              <Button label={strings.copyAnswer} icon="copy" iconOnly kind="quiet" action="copy-answer" />
              <Button label={strings.regenerate} icon="again" iconOnly kind="quiet" action="regenerate" />
              <Button label={strings.fork} icon="branch" iconOnly kind="quiet" action="fork" />
              <Button label={strings.trace} icon="list" iconOnly kind="quiet" action="show-trace" />
              <span class="message-note" data-part="note" />
            </footer>
          </>
        )}
      </div>
    </article>
  );
}

import { Button } from "../components/button.tsx";
import { Command } from "../components/code-block.tsx";
import { Document, PageData } from "../components/document.tsx";
import { EmptyState } from "../components/empty-state.tsx";
import { Select } from "../components/field.tsx";
import { Status } from "../components/status.tsx";
import type { PageProps } from "../page-props.ts";
import { Composer } from "./composer.tsx";
import { SettingsDialog, TraceDialog } from "./dialogs.tsx";
import type { ChatPageData } from "./page-data.ts";
import { Sidebar } from "./sidebar.tsx";
import { Templates } from "./templates.tsx";

/** The chat: all markup comes from here, the script only fills it. */
export function ChatPage({ page, account }: { page: PageProps; account: string }) {
  const { chat, client, errors, shell } = page.strings;
  const data: ChatPageData = { account, strings: { ...client, errors } };
  return (
    <Document page={page} title={chat.title} script="chat.js" layout="app">
      <Sidebar page={page} />
      <div class="drawer-shade" data-part="shade" data-action="close-menu" hidden />
      <div class="room" data-part="room">
        <header class="room-bar">
          <span class="narrow-only">
            <Button kind="quiet" icon="menu" iconOnly label={chat.openMenu} action="open-menu" controls="sidebar" />
          </span>
          <Select id="model" label={chat.model} quietLabel part="model" />
          <Status label={client.checking} part="status" />
          <Button kind="quiet" icon="sliders" iconOnly label={chat.settings} action="open-settings" />
          <span class="narrow-only">
            <Button kind="quiet" icon="plus" iconOnly label={chat.newConversation} action="new-conversation" />
          </span>
        </header>
        <main class="thread-frame" id="content" data-part="scroller" tabindex={-1}>
          <h1 class="visually-hidden" data-part="title">
            {chat.title}
          </h1>
          <EmptyState heading={chat.emptyTitle} text={chat.emptyText} part="empty-on">
            <ul class="chips" aria-label={chat.suggestions}>
              {chat.suggestionList.map((text) => (
                <li>
                  <button type="button" class="chip" data-action="suggest">
                    {text}
                  </button>
                </li>
              ))}
            </ul>
          </EmptyState>
          <div data-part="empty-off" data-lit="false" hidden>
            <EmptyState heading={chat.offlineTitle} text={chat.offlineText}>
              <Command code="porchlight up" copyLabel={chat.copyCode} />
            </EmptyState>
          </div>
          <noscript>
            <p class="notice notice-plain">{shell.noScript}</p>
          </noscript>
          <div class="earlier" data-part="earlier" hidden>
            <Button kind="quiet" label={chat.earlier} action="earlier" />
          </div>
          <section class="thread" data-part="thread" aria-label={chat.thread} />
        </main>
        <Composer strings={chat} />
      </div>
      <div class="toasts" data-part="toasts" role="status" />
      <p class="visually-hidden" data-part="announcer" aria-live="polite" />
      <SettingsDialog strings={chat} />
      <TraceDialog strings={chat} />
      <Templates strings={chat} />
      <PageData id="page-data" data={data} />
    </Document>
  );
}

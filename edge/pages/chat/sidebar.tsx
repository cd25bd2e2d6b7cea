import { Button, ButtonLink } from "../components/button.tsx";
import { SESSION_LIMITS } from "../../../shared/sessions/limits.ts";
import { Brand, Preferences, SignOut } from "../components/shell.tsx";
import type { PageProps } from "../page-props.ts";

/** Conversations and what belongs to the whole place. A column on a wide screen, a drawer on a narrow one. */
export function Sidebar({ page }: { page: PageProps }) {
  const { chat, shell } = page.strings;
  return (
    <aside class="sidebar" id="sidebar" data-part="sidebar" aria-label={chat.conversations}>
      <div class="sidebar-head">
        <Brand page={page} />
        <span class="narrow-only">
          <Button kind="quiet" icon="close" iconOnly label={chat.closeMenu} action="close-menu" />
        </span>
      </div>
      <Button icon="plus" label={chat.newConversation} action="new-conversation">
        <kbd class="wide-only" data-part="new-key">
          Ctrl K
        </kbd>
      </Button>
      <input
        class="sidebar-search"
        type="search"
        data-part="search"
        aria-label={chat.search}
        placeholder={chat.search}
        maxlength={SESSION_LIMITS.queryCharacters}
        autocomplete="off"
      />
      <nav class="conversations" aria-label={chat.conversations}>
        <div data-part="listed">
          <ul data-part="conversations" />
          <Button kind="quiet" label={chat.more} part="more" action="more-conversations" hidden />
        </div>
        <ul data-part="found" hidden />
        <p class="sidebar-note" data-part="found-note" role="status" />
      </nav>
      <div class="sidebar-foot">
        <ButtonLink href="/account" kind="quiet" icon="person" label={shell.account} />
        <ButtonLink href="/docs" kind="quiet" icon="book" label={shell.docs} />
        <SignOut page={page} />
        <Preferences page={page} />
      </div>
    </aside>
  );
}

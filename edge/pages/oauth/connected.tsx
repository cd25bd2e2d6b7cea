import { placeOf } from "../../oauth/redirect-uri.ts";
import type { OauthGrant } from "../../store/oauth.ts";
import { ActionButton, Moment, Section } from "../access/parts.tsx";
import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";
import { placeWords } from "./place-words.ts";

/** Programs that one has let in, each with its end. */
export function ConnectedClients({ page, clients }: { page: PageProps; clients: OauthGrant[] }) {
  const { oauth: text } = page.strings;
  if (clients.length === 0) return null;
  return (
    <Section heading={text.clients} text={text.clientsText}>
      <ul class="rows">
        {clients.map(({ id, clientName, redirectTo, createdAt, lastUsedAt }) => {
          const name = clientName === "" ? text.unnamed : clientName;
          const place = placeOf(redirectTo);
          return (
            <li class="row">
              <div class="row-main">
                <p class="row-name">{name}</p>
                <p class="row-notes">
                  {place === undefined ? null : <span>{placeWords(page, place)}</span>}
                  <Moment page={page} timeMs={createdAt} template={text.connected} />
                  {lastUsedAt === null ? null : <Moment page={page} timeMs={lastUsedAt} template={text.used} />}
                </p>
              </div>
              <ActionButton
                request={`DELETE /api/connected-clients/${id}`}
                label={text.disconnect}
                ask={format(text.disconnectAsk, { name })}
                kind="quiet"
              />
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

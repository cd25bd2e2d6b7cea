import type { MarketPerson } from "../../market/roles.ts";
import { ActionButton, Section } from "../access/parts.tsx";
import type { PageProps } from "../page-props.ts";

/** Who reviews, and whose plugins may be official: for those who administer the market. */
export function MarketPeople({ page, people }: { page: PageProps; people: MarketPerson[] }) {
  const { publishing: text } = page.strings;
  return (
    <Section heading={text.people} text={text.peopleText}>
      <ul class="rows">
        {people.map(({ userId, name, role, publisher }) => (
          <li class="row" data-person={userId}>
            <div class="row-main">
              <p class="row-title">
                <span class="row-name">{name}</span>
                {role === null ? null : <span class="badge">{text.roles[role]}</span>}
                {publisher?.official === true ? <span class="badge">{page.strings.market.official}</span> : null}
              </p>
              {publisher === null ? null : <p class="row-notes">{publisher.name}</p>}
            </div>
            <div class="actions">
              {role === "administrator" ? null : (
                <ActionButton
                  request={`PUT /api/market/roles/${encodeURIComponent(userId)}`}
                  body={{ role: role === null ? "reviewer" : null }}
                  label={role === null ? text.makeReviewer : text.unmakeReviewer}
                  kind="quiet"
                />
              )}
              {publisher === null ? null : (
                <ActionButton
                  request={`PUT /api/market/publishers/${encodeURIComponent(publisher.id)}/official`}
                  body={{ official: !publisher.official }}
                  label={publisher.official ? text.unmakeOfficial : text.makeOfficial}
                  kind="quiet"
                />
              )}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

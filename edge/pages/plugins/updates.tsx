import { permissionWords } from "../../../shared/plugin/permission-words.ts";
import type { InstalledView } from "../../home/plugins/desk.ts";
import { type OfferReason, UPDATE_MODES } from "../../home/plugins/updates/update-state.ts";
import type { ShownOffer, UpdateView } from "../../home/plugins/updates/update-view.ts";
import { ActionButton, FormError, Moment } from "../access/parts.tsx";
import { Button, ButtonLink } from "../components/button.tsx";
import { Select } from "../components/field.tsx";
import { Notice } from "../components/notice.tsx";
import { format } from "../i18n/format.ts";
import { priceWords } from "../market/buying.tsx";
import { inLocale } from "../market/parts.tsx";
import type { PageProps } from "../page-props.ts";

interface UpdatesProps {
  page: PageProps;
  plugin: InstalledView;
  updates: UpdateView;
}

/** How a plugin stands to its market: what is newer and why it waits, what is wrong, how it is updated, what one can go back to. */
export function Updates({ page, plugin, updates }: UpdatesProps) {
  const { updates: text } = page.strings;
  const { origin, offer, mode, kept } = updates;
  const { version, name } = plugin;
  const id = `updates-${name.slice(1).replace("/", "-")}`;
  return (
    <div class="updates" data-part="updates">
      <Notes page={page} updates={updates} />
      {offer === null ? null : <Offer page={page} plugin={plugin} offer={offer} />}
      {origin === "file" ? (
        <p class="muted">{text.byHand}</p>
      ) : (
        <form class="inline-form" data-request={`PATCH ${pathOf(plugin)}/updates`}>
          <Select id={id} name="updates" label={text.setting}>
            {UPDATE_MODES.map((one) => (
              <option value={one} selected={one === mode}>
                {format(text.modes[one], { version })}
              </option>
            ))}
          </Select>
          <Button type="submit" label={text.save} />
          <FormError />
        </form>
      )}
      {kept.length === 0 ? null : <Earlier page={page} plugin={plugin} updates={updates} />}
    </div>
  );
}

function Notes({ page, updates }: Pick<UpdatesProps, "page" | "updates">) {
  const { updates: text } = page.strings;
  const { version, isRevoked, isYanked, problem } = updates;
  const notes = [
    isRevoked ? format(text.revoked, { version }) : undefined,
    isYanked && !isRevoked ? format(text.yanked, { version }) : undefined,
    problem === null
      ? undefined
      : problem.version === null
        ? format(text.lookFailed, { message: problem.message })
        : format(text.problem, { version: problem.version, message: problem.message }),
  ].filter((note) => note !== undefined);
  if (notes.length === 0) return null;
  return (
    <Notice>
      {notes.map((note) => (
        <p>{note}</p>
      ))}
    </Notice>
  );
}

function Offer({ page, plugin, offer }: Omit<UpdatesProps, "updates"> & { offer: ShownOffer }) {
  const { updates: text } = page.strings;
  const { version, hash, reasons, more, permissions } = offer;
  const wantsMore = reasons.includes("wants_more");
  const consent = { hash, permissions, newSigner: reasons.includes("other_key") };
  return (
    <Notice part="update-offer">
      <h3>{format(text.heading, { version })}</h3>
      {reasons.map((reason) => (
        <>
          <p>{reasonWords(page, plugin, offer, reason)}</p>
          {reason === "wants_more" ? (
            <ul class="permissions">
              {permissionWords(more, page.locale).map(({ risk, text: words }) => (
                <li data-risk={risk}>{words}</li>
              ))}
            </ul>
          ) : null}
        </>
      ))}
      <div class="actions">
        <form data-request={`POST ${pathOf(plugin)}/update`} data-body={JSON.stringify(consent)}>
          <Button type="submit" kind="primary" label={format(wantsMore ? text.agreeMore : text.agree, { version })} />
          <FormError />
        </form>
        <ButtonLink href={`/market/${plugin.name.slice(1)}`} label={text.toMarket} />
      </div>
    </Notice>
  );
}

function reasonWords(
  page: PageProps,
  plugin: InstalledView,
  { price, runsOn }: ShownOffer,
  reason: OfferReason,
): string {
  const { updates: text } = page.strings;
  const words = price === undefined ? "" : priceWords(page, price);
  return format(text.reasons[reason], { price: words, place: text.runs[runsOn], version: plugin.version });
}

function Earlier({ page, plugin, updates }: UpdatesProps) {
  const { updates: text } = page.strings;
  const title = inLocale(page, plugin.manifest.title);
  return (
    <details class="kept-versions">
      <summary>{text.history}</summary>
      <ul class="rows">
        {updates.kept.map(({ version, hash, keptAtMs, isRevoked }) => (
          <li class="row">
            <div class="row-main">
              <p class="row-title">
                <span class="row-name">{version}</span>
              </p>
              <p class="row-notes">
                {isRevoked ? (
                  <span>{text.keptRevoked}</span>
                ) : (
                  <Moment page={page} timeMs={keptAtMs} template={text.kept} />
                )}
              </p>
            </div>
            {isRevoked ? null : (
              <ActionButton
                request={`POST ${pathOf(plugin)}/rollback`}
                label={format(text.back, { version })}
                ask={format(text.backAsk, { title, version })}
                body={{ hash }}
              />
            )}
          </li>
        ))}
      </ul>
      <ul class="update-log muted">
        {updates.entries.map(({ from, to, how, atMs }) => (
          <li>
            {format(text.entries[how], { from, to })} · <Moment page={page} timeMs={atMs} template="{date}" />
          </li>
        ))}
      </ul>
    </details>
  );
}

function pathOf({ name }: InstalledView): string {
  return `/api/plugins/${name.slice(1)}`;
}

import { describeAgent, LIVE_PARTS, type LiveAgent, type LiveStrings, standing } from "../../machines/describe.ts";
import { part } from "../ui/dom.ts";

/** How often a visible page asks how the machines are. */
const POLL_MS = 4_000;

type Listed = LiveAgent & { id: string };

/** Keeps the rows of the machines up to date while somebody looks at them. */
export function watchAgents(): void {
  const data = document.querySelector("#agents-data")?.textContent ?? "{}";
  const strings = JSON.parse(data) as LiveStrings; // the server of the same build wrote it
  const list = part("agents");

  async function poll(): Promise<void> {
    if (!document.hidden) {
      const response = await fetch("/api/agents");
      if (response.ok) show(((await response.json()) as { agents: Listed[] }).agents); // our own route
    }
  }

  function show(agents: Listed[]): void {
    const rows = [...list.querySelectorAll<HTMLElement>("[data-agent]")];
    const shown = rows.map((row) => row.dataset["agent"]);
    // A machine came or went: the page is made anew, unless somebody is at a form of it.
    if (agents.map(({ id }) => id).join() !== shown.join() && !isBusy()) return location.reload();
    for (const row of rows) {
      const agent = agents.find(({ id }) => id === row.dataset["agent"]);
      if (agent) update(row, agent, strings);
    }
  }

  const next = () =>
    setTimeout(
      () =>
        void poll()
          .catch(() => undefined)
          .finally(next),
      POLL_MS,
    ); // offline: the next one may do
  next();
}

function update(row: HTMLElement, agent: LiveAgent, strings: LiveStrings): void {
  const words = describeAgent(agent, strings);
  for (const name of LIVE_PARTS) {
    const element = part(name, row);
    element.hidden = words[name] === "";
    if (element.textContent !== words[name]) element.textContent = words[name];
  }
  const { label, state } = standing(agent, strings);
  part("state", row).dataset["state"] = state;
  const status = part("status-label", row);
  // Written only on a change: a live region speaks whenever its text is set.
  if (status.textContent !== label) status.textContent = label;
  part("seen", row).hidden = agent.online;
  const shown = { wake: agent.wakeable, drain: !agent.draining, undrain: agent.draining };
  for (const [name, isShown] of Object.entries(shown)) {
    // Who may not press a button has none of it.
    const element = row.querySelector<HTMLElement>(`[data-part="${name}"]`);
    if (element !== null) element.hidden = !isShown;
  }
}

/** Whether a reload would take something away: a name being typed, a question, a link not copied yet. */
function isBusy(): boolean {
  return document.querySelector('details[open], dialog[open], [data-part="pairing"]:not([hidden])') !== null;
}

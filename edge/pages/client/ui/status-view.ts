import { format } from "../../i18n/format.ts";
import type { ClientStrings } from "../../i18n/index.ts";
import type { HomeState, Model } from "../logic/home.ts";
import { part, partOf } from "./dom.ts";

const MODEL_KEY = "porchlight/model";

/** The status in the header, the lamp, the hint above the composer, and the model picker. */
export class StatusView {
  private readonly picker = partOf(HTMLSelectElement, "model");
  private readonly strings: ClientStrings;
  private readonly preferences: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  /** The server is there, but no machine behind it. */
  offline = false;
  private models: Model[] = [];

  constructor(strings: ClientStrings, preferences: StatusView["preferences"], onModelPicked: () => void) {
    this.strings = strings;
    this.preferences = preferences;
    this.picker.addEventListener("change", () => {
      preferences.setItem(MODEL_KEY, this.picker.value);
      onModelPicked();
    });
  }

  /** The model that is picked, if there is any. */
  model(): Model | undefined {
    return this.models.find((model) => model.id === this.picker.value);
  }

  show(state: HomeState): void {
    const { strings } = this;
    const online = state.reach === "online";
    const words = {
      online: [strings.online, format(strings.onlineDetail, { machine: state.machine || strings.homeMachine })],
      offline: [strings.offline, strings.offlineDetail],
      unreachable: [strings.unreachable, strings.unreachableDetail],
      signed_out: [strings.unreachable, strings.signedOut],
    }[state.reach];
    const status = part("status");
    const label = part("status-label", status);
    // Written only on a change: a live region speaks whenever its text is set.
    if (label.textContent !== words[0]) label.textContent = words[0] ?? "";
    status.title = words[1] ?? "";
    status.dataset["state"] = online ? "on" : "off";
    document.body.dataset["lit"] = String(online);
    this.offline = state.reach === "offline";
    if (online || this.offline) this.showModels(state.models);
  }

  private showModels(models: Model[]): void {
    const picked = this.picker.value || this.preferences.getItem(MODEL_KEY);
    const unchanged = JSON.stringify(models) === JSON.stringify(this.models) && this.picker.options.length > 0;
    this.models = models;
    if (unchanged) return;
    const options = models.map((model) => {
      const label = model.online ? model.id : format(this.strings.modelOffline, { model: model.id });
      return new Option(label, model.id);
    });
    if (options.length === 0) options.push(new Option(this.strings.noModels, ""));
    this.picker.replaceChildren(...options);
    this.picker.value =
      (models.find(({ id }) => id === picked) ?? models.find(({ online }) => online) ?? models[0])?.id ?? "";
  }
}

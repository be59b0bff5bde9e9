// The head line of the Data tab: which dataset, how many rows of each kind, in and out by file,
// undo and redo.

import { confirm } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { isComposing } from "./keys.js";
import { showDiscarded } from "./rows_discarded.js";
import { exportFile, importFile, lookAtPlaces } from "./rows_files.js";
import { menuButton } from "./rows_menu.js";
import { showCard } from "./notices.js";
import { count } from "./numbers.js";

const STATUSES = ["", "draft", "ready", "flagged"];

/** `wish` holds what the person can do here: choose, create, rename, discard, filter, undo, redo, importFile, exportFile, lookAtPlaces. */
export class Head {
  #datasets = [];
  #current = null;

  constructor({ say, language, wish }) {
    Object.assign(this, { say, language, wish });
    this.name = h("span", { class: "rows-name notranslate", translate: "no", dir: "auto" });
    this.menu = menuButton({ label: [this.name, h("span", { "aria-hidden": "true" }, "▾")], title: say("dataset_menu"), kind: "rows-switch", entries: () => this.#entries() });
    this.chips = STATUSES.map((status) => this.#chip(status));
    this.undo = this.#button("undo", "↶", wish.undo);
    this.redo = this.#button("redo", "↷", wish.redo);
    this.file = [
      h("button", { type: "button", class: "s-button", onclick: () => wish.importFile() }, say("import")),
      h("button", { type: "button", class: "s-button", onclick: () => wish.exportFile() }, say("export")),
    ];
    this.element = h("header", { class: "rows-head" },
      h("h2", { class: "rows-title" }, this.menu.element),
      h("div", { class: "rows-chips", role: "group", "aria-label": say("filter_status") }, this.chips),
      h("div", { class: "rows-tools" }, this.undo, this.redo, this.file));
  }

  /** Show the datasets, the chosen one, its counts, and what can be undone. */
  show({ datasets, dataset, counts, filter, canUndo, canRedo }) {
    this.#datasets = datasets;
    this.#current = dataset;
    fill(this.name, dataset ? dataset.dataset : this.say("no_dataset"));
    STATUSES.forEach((status, n) => this.#count(this.chips[n], status ? counts.status[status] : counts.rows, dataset && filter === status));
    this.#enable(this.undo, canUndo, "undo");
    this.#enable(this.redo, canRedo, "redo");
    this.file[1].disabled = !dataset || counts.rows === 0;
    this.file[1].title = this.file[1].disabled ? this.say("export_none") : "";
  }

  #chip(status) {
    const name = this.say(status ? `status_${status}` : "all");
    return h("button", { type: "button", class: `rows-chip rows-${status || "all"}`, hidden: true, onclick: () => this.wish.filter(status) },
      name, h("span", { class: "rows-number" }));
  }

  #count(chip, number, isChosen) {
    chip.hidden = !this.#current;
    chip.setAttribute("aria-pressed", String(Boolean(isChosen)));
    fill(chip.lastChild, count(number ?? 0, this.language));
  }

  #button(name, sign, act) {
    return h("button", { type: "button", class: "s-button s-plain rows-icon", "aria-label": this.say(name), onclick: () => act() }, sign);
  }

  #enable(button, can, name) {
    button.disabled = !can;
    button.title = this.say(can ? `${name}_title` : `${name}_none`);
  }

  #entries() {
    const { say, wish } = this;
    const id = this.#current?.id;
    const rows = (dataset) => say("dataset_rows", { count: count(dataset.rows, this.language) });
    return [
      ...this.#datasets.map((one) => ({ text: one.dataset, note: rows(one), current: one.id === id, act: () => wish.choose(one.id) })),
      this.#datasets.length > 0 && null,
      { text: say("dataset_new"), act: () => this.#askName("dataset_new", "", wish.create) },
      ...(id ? [
        { text: say("dataset_rename"), act: () => this.#askName("dataset_rename", this.#current.dataset, wish.rename) },
        { text: say("dataset_places"), act: wish.lookAtPlaces },
        { text: say("dataset_discard"), danger: true, act: () => this.#askDiscard() },
      ] : []),
      { text: say("discarded"), act: wish.showDiscarded },
    ].filter((entry) => entry !== false);
  }

  /** Ask for the name of a new dataset. */
  askNew() {
    this.#askName("dataset_new", "", this.wish.create);
  }

  async #askName(title, name, act) {
    const input = h("input", {
      class: "s-input notranslate", translate: "no", spellcheck: "false", autocomplete: "off", dir: "auto", maxlength: "100", autofocus: true, value: name,
      onkeydown: (event) => event.key === "Enter" && !isComposing(event) && (event.preventDefault(), input.closest("dialog").close("act")),
    });
    const body = h("label", { class: "s-field" }, h("span", {}, this.say("dataset_name")), input);
    const wanted = await confirm({ title: this.say(`${title}_title`), text: this.say(`${title}_text`), act: this.say("dataset_keep"), body });
    if (wanted) act(input.value);
  }

  async #askDiscard() {
    const { dataset, rows } = this.#current;
    const text = this.say("discard_text", { name: dataset, count: count(rows, this.language) });
    if (await confirm({ title: this.say("discard_title"), text, act: this.say("discard_act"), danger: true })) this.wish.discard();
  }
}

/** What the head line can ask of the desk. */
export function headWishes(desk) {
  const named = async (act, given) => {
    try {
      const shown = await desk.ask(act, given);
      await desk.choose(act === "discard" ? "" : shown.id);
    } catch (error) {
      showCard(error);
    }
  };
  return {
    undo: desk.acts.undo,
    redo: desk.acts.redo,
    choose: (id) => desk.choose(id).catch(showCard),
    create: (name) => named("create", { name }),
    rename: (name) => named("rename", { dataset: desk.dataset.id, name }),
    discard: () => named("discard", { dataset: desk.dataset.id }),
    filter: (status) => desk.look({ status, trashed: false, offset: 0 }),
    importFile: () => importFile(desk),
    exportFile: () => exportFile(desk),
    lookAtPlaces: () => lookAtPlaces(desk),
    showDiscarded: () => showDiscarded(desk),
  };
}

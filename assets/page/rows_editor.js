// One row, open: its head, its fields, what the model learns of it, its history. Hands what is typed
// to the row's saver and says in words how far the saving is.

import { fill, h } from "./dom.js";
import { menuButton } from "./rows_menu.js";
import { conflictView } from "./rows_conflict.js";
import { Counter } from "./rows_count.js";
import { Form } from "./rows_form.js";
import { History } from "./rows_history.js";
import { Learned } from "./rows_tokens.js";
import { count } from "./numbers.js";

const PAUSE = 150;
const STATUSES = ["draft", "ready", "flagged"];

/** `wish` = {goOn, back, trash, restore, erase, duplicate}: what leads beyond this row. */
export class Editor {
  model = null;
  context = null;
  #saver = null;
  #timer = null;
  #view = null;

  constructor({ ask, say, language, saving, wish }) {
    Object.assign(this, { say, language, saving, wish });
    this.form = new Form({ say, language, changed: () => this.#changed(), whole: () => this.#take(), left: () => this.leave() });
    this.counter = new Counter({ ask, say, language, limit: () => this.context });
    this.learned = new Learned({ ask, say, language });
    this.history = new History({ ask, say, language, restore: (row) => this.#restoreState(row) });
    this.#lay();
  }

  get id() {
    return this.#saver?.row.id ?? null;
  }

  /** The revision that is shown, if nothing was typed on top of it. */
  get cleanRevision() {
    return this.#saver?.isClean && !this.#isDirty() ? this.#saver.row.revision : null;
  }

  /** Show a row; what was typed into the one before is saved, and a decision that is open stays so. */
  show(row) {
    if (row.id === this.id && this.#view === "conflict") return;
    this.leave();
    const isOther = row.id !== this.id;
    this.#saver = this.saving.of(row);
    this.saving.tidy(row.id);
    this.element.hidden = false;
    this.hint.hidden = true;
    if (isOther) this.scroll.scrollTop = 0;
    this.#fillIn();
  }

  /** Show no row but `children`, which say what to do. */
  clear(...children) {
    this.leave();
    this.#saver = null;
    this.element.hidden = true;
    this.hint.hidden = false;
    fill(this.hint, children);
  }

  /** Take over what stands in the fields and save it now. */
  leave() {
    this.#take();
    this.#saver?.flush();
  }

  setStatus(status) {
    if (!this.#saver || this.#saver.seen.trashed || this.#saver.theirs) return;
    this.#take();
    if (this.#saver.seen.status !== status) this.#saver.change({ status });
    this.#saver.flush();
  }

  /** The model was chosen or changed. */
  use(model) {
    if (this.model === model?.id) return;
    this.model = model?.id ?? null;
    this.context = model?.context ?? null;
    this.#measure();
  }

  /** A turn of events of some saver. */
  heard(saver, outcome) {
    if (saver !== this.#saver) return;
    this.#mark();
    if (outcome?.merged) this.#fillIn();
    else if (saver.theirs && this.#view === "form") this.#showConflict();
    else if (!saver.theirs && this.#view === "conflict") this.#fillIn();
    else if (saver.state === "saved") this.history.show(this.id);
  }

  /** Hand over what stands in the fields of this saver's row, as soon as no word is half composed. */
  async gather(saver) {
    while (saver === this.#saver && this.form.composing) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (saver === this.#saver) this.#take();
  }

  /** What another tab left behind has come under the row that is open. */
  inherited(saver) {
    if (saver === this.#saver) this.#fillIn();
  }

  /** Put the caret where writing goes on. */
  focus() {
    this.form.focus();
  }

  #lay() {
    const { say, wish } = this;
    this.number = h("span", { class: "s-heading" });
    this.state = h("span", { class: "rows-state", role: "status", "aria-live": "polite" });
    this.statuses = STATUSES.map((status) => h("button", {
      type: "button", class: `rows-chip rows-${status}`, title: say(`status_${status}_title`), onclick: () => this.setStatus(status),
    }, say(`status_${status}`)));
    this.split = h("select", { class: "s-input rows-select", "aria-label": say("split"), onchange: () => this.#setSplit() },
      ["train", "check", "exam"].map((split) => h("option", { value: split }, say(`split_${split}`))));
    this.why = h("p", { class: "s-quiet rows-why" });
    this.problem = h("p", { class: "s-quiet rows-warn" });
    this.scroll = h("div", { class: "rows-editor-scroll" });
    this.usual = h("div", { class: "rows-acts" }, this.#usualActs());
    this.trashed = h("div", { class: "rows-acts" }, this.#trashActs());
    const more = menuButton({ label: "⋯", name: say("more"), kind: "s-button s-plain rows-icon", entries: () => this.#more() });
    this.element = h("article", { class: "rows-editor", hidden: true, "aria-label": say("row") },
      h("header", { class: "rows-editor-head" },
        h("div", { class: "rows-editor-line" },
          h("button", { type: "button", class: "s-button s-plain rows-back", onclick: () => wish.back() }, `‹ ${say("back")}`),
          this.number, this.state, more.element),
        h("div", { class: "rows-editor-line" },
          h("div", { class: "rows-statuses", role: "group", "aria-label": say("status") }, this.statuses), this.split, this.why),
        this.problem),
      this.scroll, this.usual, this.trashed);
    this.hint = h("div", { class: "rows-hint" });
    this.whole = h("div", { class: "rows-pane" }, this.element, this.hint);
  }

  #fillIn() {
    const { theirs, seen, merged } = this.#saver;
    this.#view = theirs ? "conflict" : "form";
    if (theirs) fill(this.scroll, conflictView({ say: this.say, mine: seen, theirs, merged, resolve: (fields) => this.#saver.resolve(fields) }));
    else if (this.scroll.firstChild !== this.form.element) fill(this.scroll, this.form.element, this.learned.element, this.history.element);
    if (!theirs) this.form.show(seen, seen.trashed);
    this.#mark();
    this.#measure();
    this.history.show(seen.id);
  }

  /** Both texts, as soon as no word is half composed. */
  #showConflict() {
    if (this.form.composing) return;
    this.#take();
    this.#fillIn();
    this.scroll.scrollTop = 0;
  }

  #mark() {
    const { seen, theirs } = this.#saver;
    const { say } = this;
    fill(this.number, say("row_number", { number: count(seen.number, this.language) }));
    this.statuses.forEach((button, n) => {
      button.setAttribute("aria-pressed", String(seen.status === STATUSES[n]));
      button.disabled = seen.trashed;
    });
    this.split.value = seen.split;
    this.split.disabled = seen.trashed;
    fill(this.why, say(`split_${seen.split}_why`));
    fill(this.problem, seen.problem && say(`problem_${seen.problem.split(".").at(-1)}`));
    this.#tell();
    this.usual.hidden = seen.trashed || theirs !== null;
    this.trashed.hidden = !seen.trashed;
  }

  /** How far the saving is; what was typed and not yet handed to the saver counts as not saved. */
  #tell() {
    const { state } = this.#saver;
    this.state.dataset.state = state === "saved" && this.#isTyping ? "editing" : state;
    fill(this.state, this.#stateWords(this.state.dataset.state));
  }

  get #isTyping() {
    return this.#timer !== null || this.form.composing;
  }

  #stateWords(state) {
    const { card, isKept } = this.#saver;
    if (this.#saver.isGone) return this.say("state_gone");
    if (state === "refused") return [card.text, " ", h("button", { type: "button", class: "s-button s-plain", onclick: () => this.#saver.flush() }, this.say("try_again"))];
    if (!isKept) return this.say("state_unkept");
    if (state === "saved") return this.#saver.seen.trashed ? this.say("state_trashed") : [h("span", { "aria-hidden": "true" }, "✓ "), this.say("state_saved")];
    return this.say(`state_${state}`);
  }

  #usualActs() {
    const { say, wish } = this;
    return [
      act(say("reviewed_next"), () => wish.goOn("ready"), { kind: "s-first", keys: "Ctrl ⇧ ↵" }),
      act(say("save_next"), () => wish.goOn(), { keys: "Ctrl ↵" }),
      act(say("flag_next"), () => wish.goOn("flagged"), { title: say("status_flagged_title") }),
      h("span", { class: "rows-gap" }),
      act(say("duplicate"), () => wish.duplicate(this.id), { kind: "s-plain" }),
      act(say("to_trash"), () => wish.trash([this.id]), { kind: "s-plain" }),
    ];
  }

  #trashActs() {
    const { say, wish } = this;
    return [
      act(say("restore"), () => wish.restore([this.id]), { kind: "s-first" }),
      act(say("erase"), () => wish.erase([this.id]), { kind: "s-danger" }),
    ];
  }

  #more() {
    const { say, wish, id } = this;
    const { trashed } = this.#saver.seen;
    return [
      { text: say("history_title"), act: () => this.#unfold(this.history.element) },
      { text: say("learned_title"), act: () => this.#unfold(this.learned.element) },
      null,
      ...(trashed ? [] : [{ text: say("duplicate"), act: () => wish.duplicate(id) }, { text: say("to_trash"), act: () => wish.trash([id]) }]),
      { text: say("erase"), danger: true, act: () => wish.erase([id]) },
    ];
  }

  #unfold(panel) {
    panel.open = true;
    panel.scrollIntoView({ block: "start" });
    panel.querySelector("summary").focus({ preventScroll: true });
  }

  #setSplit() {
    this.#take();
    this.#saver.change({ split: this.split.value });
    this.#saver.flush();
  }

  #restoreState({ body, status, notes, tags }) {
    this.#take();
    this.#saver.change({ body, status, notes, tags });
    this.#saver.flush();
    this.#fillIn();
  }

  #changed() {
    this.#stopWaiting();
    if (!this.#saver) return undefined;
    if (this.form.composing) return this.#tell();
    if (this.#saver.theirs) return this.#showConflict();
    this.#timer = setTimeout(() => this.#take(), PAUSE);
    this.#tell();
    return this.#measure();
  }

  #stopWaiting() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #isDirty() {
    return this.form.composing || (this.#view === "form" && Object.keys(this.form.changeOf(this.#saver.seen)).length > 0);
  }

  /** Hand the fields to the saver; half a composed word is not yet a word. */
  #take() {
    this.#stopWaiting();
    if (!this.#saver || this.#view !== "form" || this.#saver.seen.trashed || this.form.composing) return;
    const change = this.form.changeOf(this.#saver.seen);
    if (Object.keys(change).length) this.#saver.change(change);
    else this.#tell();
  }

  #measure() {
    if (!this.#saver || this.#view !== "form") return;
    this.counter.count(this.model, this.form.counted());
    this.learned.show(this.model, this.form.body());
  }
}

function act(text, does, { kind = "", keys = "", title = null } = {}) {
  return h("button", { type: "button", class: `s-button ${kind}`, title, onclick: does }, text, keys && h("kbd", {}, keys));
}

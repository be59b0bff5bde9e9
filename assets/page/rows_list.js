// The list of a page of rows: one is open, several can be marked. Keeps what is open and marked when
// it is filled anew. Knows the rows' heads only.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

const STEP = 10;

export class List {
  rows = [];
  open = null;
  marked = new Set();
  #anchor = 0;
  #items = new Map();
  #drawn = new Map();

  /** `opened(id)`, `marking()`, `beyond(step)` where the person steps over an end, `entered()` for Enter. */
  constructor({ say, language, opened, marking, beyond, entered }) {
    Object.assign(this, { say, language, opened, marking, beyond, entered });
    this.empty = h("div", { class: "rows-empty" });
    this.box = h("ul", {
      class: "rows-box", role: "listbox", tabindex: "0", "aria-multiselectable": "true", "aria-label": say("list"),
      onkeydown: (event) => this.#key(event), onclick: (event) => this.#click(event),
    });
    this.element = h("div", { class: "rows-scroll" }, this.empty, this.box);
  }

  /** Show these rows; lines that say the same as before are left alone. */
  show(rows) {
    this.rows = rows;
    this.marked = new Set(rows.map((row) => row.id).filter((id) => this.marked.has(id)));
    const items = rows.map((row) => this.#item(row));
    for (const id of this.#items.keys()) if (!rows.some((row) => row.id === id)) this.#items.delete(id);
    const isSame = items.length === this.box.children.length && items.every((item, n) => item === this.box.children[n]);
    if (!isSame) fill(this.box, items);
    this.box.hidden = rows.length === 0;
    this.mark();
  }

  /** Say in the list's place why it is empty. */
  tell(...children) {
    fill(this.empty, children);
  }

  get at() {
    return this.rows.findIndex((row) => row.id === this.open);
  }

  /** Show which row is open and which are marked. */
  mark() {
    for (const [id, item] of this.#items) {
      item.setAttribute("aria-selected", String(this.marked.has(id) || (id === this.open && this.marked.size === 0)));
      item.classList.toggle("rows-open", id === this.open);
      item.querySelector("input").checked = this.marked.has(id);
    }
    this.box.classList.toggle("rows-marking", this.marked.size > 0);
    const item = this.#items.get(this.open);
    if (item) this.box.setAttribute("aria-activedescendant", item.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  /** Open the row at a place of the list. */
  go(at) {
    const row = this.rows[at];
    if (!row) return;
    this.open = row.id;
    this.#anchor = at;
    this.mark();
    this.#items.get(row.id).scrollIntoView({ block: "nearest" });
    this.opened(row.id);
  }

  unmark() {
    this.marked.clear();
    this.mark();
    this.marking();
  }

  /** The ids that an act on the list is meant for: the marked rows, else the open one. */
  get meant() {
    if (this.marked.size) return [...this.marked];
    return this.open ? [this.open] : [];
  }

  #item(row) {
    const said = JSON.stringify(row);
    if (this.#items.has(row.id) && this.#drawn.get(row.id) === said) return this.#items.get(row.id);
    const item = h("li", { class: "rows-item", role: "option", id: `row-${row.id}`, data: { id: row.id } },
      h("input", { type: "checkbox", tabindex: "-1", "aria-label": this.say("mark_row", { number: count(row.number, this.language) }) }),
      h("span", { class: "rows-item-head" },
        h("span", { class: "s-term" }, count(row.number, this.language)),
        h("span", { class: `rows-dot rows-${row.status}`, title: this.say(`status_${row.status}`) }),
        h("span", { class: "s-term notranslate", translate: "no" }, this.#facts(row), row.tags.map((tag) => h("bdi", {}, tag)))),
      text("rows-item-prompt", row.prompt || (row.kind === "text" ? row.response : "") || this.say("empty_text")),
      row.kind !== "text" && text("rows-item-response", row.response || this.say("empty_answer")));
    this.#items.set(row.id, item);
    this.#drawn.set(row.id, said);
    return item;
  }

  #facts(row) {
    return [this.say(`status_${row.status}`), row.split !== "train" && this.say(`split_${row.split}`), row.turns > 3 && this.say("turns")].filter(Boolean).join(" · ");
  }

  #click(event) {
    const item = event.target.closest(".rows-item");
    if (!item) return;
    const at = this.rows.findIndex((row) => row.id === item.dataset.id);
    if (event.shiftKey) return this.#reach(at);
    if (event.target.matches("input") || event.ctrlKey || event.metaKey) return this.#toggle(at);
    this.marked.clear();
    this.go(at);
    this.marking();
  }

  #toggle(at) {
    const { id } = this.rows[at];
    if (this.marked.has(id)) this.marked.delete(id);
    else this.marked.add(id);
    this.#anchor = at;
    this.mark();
    this.marking();
  }

  /** Mark everything from where the person began to `at`. */
  #reach(at) {
    const [from, to] = [Math.min(this.#anchor, at), Math.max(this.#anchor, at)];
    this.marked = new Set(this.rows.slice(from, to + 1).map((row) => row.id));
    this.mark();
    this.marking();
  }

  #key(event) {
    if (event.isComposing || event.altKey) return;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: STEP, PageUp: -STEP, Home: -Infinity, End: Infinity };
    const acts = {
      Enter: () => this.entered(),
      " ": () => this.at >= 0 && this.#toggle(this.at),
      a: () => this.#all(event),
      Escape: () => this.unmark(),
    };
    if (event.key in moves) this.#move(event, moves[event.key]);
    else if (event.key in acts && !(event.key === "Enter" && event.ctrlKey) && !(event.key === "a" && !event.ctrlKey && !event.metaKey)) {
      event.preventDefault();
      acts[event.key]();
    }
  }

  #all() {
    this.marked = new Set(this.rows.map((row) => row.id));
    this.mark();
    this.marking();
  }

  #move(event, step) {
    event.preventDefault();
    const last = this.rows.length - 1;
    const wanted = this.at + step;
    const isOver = Math.abs(step) === 1 && (wanted < 0 || wanted > last);
    if (isOver && !event.shiftKey) return this.beyond(step);
    const at = Math.max(0, Math.min(last, wanted));
    const anchor = this.#anchor;
    if (event.shiftKey) {
      this.open = this.rows[at].id;
      this.#anchor = anchor;
      return this.#reach(at), this.#items.get(this.open).scrollIntoView({ block: "nearest" }), this.opened(this.open);
    }
    this.marked.clear();
    this.go(at);
    this.marking();
  }
}

function text(kind, content) {
  return h("span", { class: `${kind} notranslate`, translate: "no", dir: "auto" }, content);
}

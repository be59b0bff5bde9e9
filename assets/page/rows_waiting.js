// The line that says which rows were left and are not saved yet, and of those what becomes of a text
// whose row was erased.

import { copy } from "./clipboard.js";
import { fill, h } from "./dom.js";
import { toast } from "./notices.js";
import { count } from "./numbers.js";

const STUCK = ["unreachable", "refused", "conflict"];

export class Waiting {
  /** `open(id)` shows a row; `dropped(id)` hears that what was typed into one was thrown away. */
  constructor(given) {
    Object.assign(this, given);
    this.element = h("p", { class: "rows-waiting", role: "status", hidden: true });
  }

  /** Count all rows but the one that is `shown`, which speaks for itself unless it is gone. */
  show(shown) {
    const stuck = this.saving.open().filter(({ state }) => STUCK.includes(state));
    const gone = stuck.find((saver) => saver.isGone);
    const rows = stuck.filter((saver) => saver.row.id !== shown && !saver.isGone);
    this.element.hidden = !gone && rows.length === 0;
    fill(this.element, gone ? this.#homeless(gone) : rows.length > 0 && this.#left(rows));
  }

  /** Whether a row that is meant and still there is not saved; says which, and that it stops things. */
  stops(isMeant) {
    const saver = this.saving.open().find((one) => !one.isGone && isMeant(one));
    if (saver) this.#refuse(saver);
    return Boolean(saver);
  }

  #refuse({ row, seen }) {
    const words = seen.number ? this.say("waits_row", { number: count(seen.number, this.language) }) : this.say("waits_some");
    toast(words, { text: this.say("waiting_show"), act: () => this.open(row.id) });
  }

  #left(rows) {
    return [
      h("span", {}, this.say("waiting_rows", { count: rows.length })),
      this.#button("waiting_show", () => this.open(rows[0].row.id)),
    ];
  }

  #homeless(saver) {
    const { say } = this;
    return [
      h("span", {}, say("waiting_gone")),
      saver.unsaved && this.#button("waiting_copy", async () => toast(say((await copy(saver.unsaved)) ? "waiting_copied" : "waiting_not_copied"))),
      this.#button("waiting_drop", () => this.#drop(saver.row.id)),
    ];
  }

  #drop(id) {
    this.saving.drop(id);
    this.dropped(id);
  }

  #button(name, act) {
    return h("button", { type: "button", class: "s-button s-plain", onclick: act }, this.say(name));
  }
}

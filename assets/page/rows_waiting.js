// The line that says which rows were left and are not saved yet.

import { fill, h } from "./dom.js";

const STUCK = ["unreachable", "refused", "conflict"];

export class Waiting {
  /** `open(id)` shows a row. */
  constructor({ say, saving, open }) {
    Object.assign(this, { say, saving, open });
    this.element = h("p", { class: "rows-waiting", role: "status", hidden: true });
  }

  /** Count all rows but the one that is `shown`, which speaks for itself. */
  show(shown) {
    const rows = this.saving.open().filter(({ row, state }) => row.id !== shown && STUCK.includes(state));
    this.element.hidden = rows.length === 0;
    fill(this.element, rows.length > 0 && [
      h("span", {}, this.say("waiting_rows", { count: rows.length })),
      h("button", { type: "button", class: "s-button s-plain", onclick: () => this.open(rows[0].row.id) }, this.say("waiting_show")),
    ]);
  }
}

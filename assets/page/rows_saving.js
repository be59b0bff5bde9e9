// The savers of all rows that were touched, so that going on to the next row interrupts no save.

import { Drafts } from "./rows_drafts.js";
import { Saver } from "./rows_saver.js";

export class Saving {
  #savers = new Map();
  #drafts = new Drafts();
  #ask;
  #hear;

  /** `hear(saver, outcome)` at each turn of events of any row. */
  constructor(ask, hear) {
    this.#ask = ask;
    this.#hear = hear;
    window.addEventListener("beforeunload", (event) => this.#mustStay() && event.preventDefault());
    window.addEventListener("online", () => this.flush());
  }

  /**
   * Take over what was not acknowledged when tabs were closed or reloaded; `before()` is called
   * before, `after(saver)` after each such row.
   */
  inherit({ before, after }) {
    this.#drafts.inherit((row, draft, release) => {
      before();
      const known = this.#savers.get(row);
      if (known && !known.isClean) return;
      const saver = known ?? this.#made({ id: row, revision: draft.revision });
      saver.adopt(draft);
      if (saver.isKept) release();
      else saver.release = release;
      after(saver);
    });
  }

  /** The saver of a row that the server has just given. */
  of(row) {
    const saver = this.#savers.get(row.id) ?? this.#made(row);
    saver.renew(row);
    return saver;
  }

  /** The saver of a row that has been touched, if there is one. */
  get(id) {
    return this.#savers.get(id);
  }

  /** Savers whose rows the server does not have yet. */
  open() {
    return [...this.#savers.values()].filter((saver) => !saver.isClean);
  }

  flush() {
    for (const saver of this.open()) saver.flush();
  }

  /** Wait until all rows are saved, or until it is certain that one is not; says whether all are. */
  async settled() {
    this.flush();
    while (this.open().some((saver) => saver.state === "saving" || saver.state === "editing")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.open().length === 0;
  }

  /** Forget clean rows but the one that is shown. */
  tidy(shown) {
    for (const [id, saver] of this.#savers) if (saver.isClean && id !== shown) this.#savers.delete(id);
  }

  #made(row) {
    const hear = (saver, outcome) => {
      if (saver.isClean) saver.release?.();
      this.#hear(saver, outcome);
    };
    const saver = new Saver({ row, ask: this.#ask, drafts: this.#drafts, hear });
    this.#savers.set(row.id, saver);
    return saver;
  }

  /** Text that is neither saved nor kept would be lost with the page. */
  #mustStay() {
    return this.open().some((saver) => !saver.isKept);
  }
}

// The savers of all rows that were touched, so that going on to the next row interrupts no save.

import { Drafts } from "./rows_drafts.js";
import { Saver } from "./rows_saver.js";

export class Saving {
  #savers = new Map();
  #drafts = new Drafts();
  #ask;
  #told;
  #others = new BroadcastChannel("studio.rows");

  /** `told` = {hear, gather} as a saver takes them, and `erased(ids)`: another window erased rows. */
  constructor(ask, told) {
    this.#ask = ask;
    this.#told = told;
    this.#others.onmessage = ({ data }) => {
      data.erased.forEach((id) => this.drop(id));
      told.erased(data.erased);
    };
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

  /** Forget what was typed into a row that is no more. */
  drop(id) {
    const saver = this.#savers.get(id);
    saver?.end();
    saver?.release?.();
    this.#savers.delete(id);
  }

  /** These rows are erased: no window and no browser storage keeps anything of them. */
  erase(ids) {
    ids.forEach((id) => this.drop(id));
    this.#drafts.erase(ids);
    this.#others.postMessage({ erased: ids });
  }

  /** Wait until all rows are saved, or until it is certain that one is not. */
  async settled() {
    this.flush();
    while (this.open().some((saver) => saver.state === "saving" || saver.state === "editing")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Forget clean rows but the one that is shown. */
  tidy(shown) {
    for (const [id, saver] of this.#savers) if (saver.isClean && id !== shown) this.#savers.delete(id);
  }

  #made(row) {
    const hear = (saver, outcome) => {
      if (saver.isClean) saver.release?.();
      this.#told.hear(saver, outcome);
    };
    const saver = new Saver({ row, ask: this.#ask, drafts: this.#drafts, hear, gather: this.#told.gather });
    this.#savers.set(row.id, saver);
    return saver;
  }

  /** Text that is neither saved nor kept would be lost with the page. */
  #mustStay() {
    return this.open().some((saver) => !saver.isKept);
  }
}

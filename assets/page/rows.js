// The Data tab: a list of rows and the row that is open, kept in step with the store.

import { announce, heard } from "./bus.js";
import { fill, h } from "./dom.js";
import { showCard, toast } from "./notices.js";
import { here } from "./places.js";
import { released } from "./pointer.js";
import { Acts } from "./rows_acts.js";
import { Editor } from "./rows_editor.js";
import { EVERYTHING, Find, PAGE, Pager } from "./rows_find.js";
import { nothingHere, welcome } from "./rows_empty.js";
import { Head, headWishes } from "./rows_head.js";
import { listenToKeys } from "./rows_keys.js";
import { lay } from "./rows_layout.js";
import { List } from "./rows_list.js";
import { Saving } from "./rows_saving.js";
import { Source } from "./rows_source.js";
import { Sweep } from "./rows_sweep.js";
import { Waiting } from "./rows_waiting.js";

const SOON = 250;
const AGAIN = 2000;

export function mount(page) {
  new Desk(page).start();
}

class Desk {
  datasets = [];
  dataset = null;
  query = { ...EVERYTHING };
  coming = null;
  page = { rows: [], total: 0, counts: { rows: 0, status: {}, trashed: 0 } };
  #asked = 0;
  #opening = 0;
  #timers = {};

  constructor(page) {
    const { ask, say, language } = Object.assign(this, page);
    this.source = new Source(ask);
    this.saving = new Saving(ask, { hear: (saver, outcome) => this.#saverTurned(saver, outcome), gather: (saver) => this.editor.gather(saver), erased: (ids) => this.gone(ids) });
    this.acts = new Acts(this);
    this.editor = new Editor({ ask, say, language, saving: this.saving, wish: { ...this.acts, goOn: (status) => this.goOn(status), back: () => this.screen("list") } });
    this.list = new List({
      say, language,
      opened: (id) => (this.screen("row"), (this.coming = this.#open(id))),
      marking: () => this.showMarked(),
      beyond: (step) => (this.coming = this.turnPage(step)),
      entered: () => this.#enter(),
    });
    this.find = new Find({ say, changed: (wish) => this.look({ ...wish, offset: 0 }) });
    this.pager = new Pager({ say, language, turn: (step) => this.turnPage(step) });
    this.sweep = new Sweep({ say, language, wish: { ...this.acts, unmark: () => this.list.unmark() } });
    this.head = new Head({ say, language, wish: headWishes(this) });
    this.waiting = new Waiting({ say, language, saving: this.saving, open: (id) => this.openAnywhere(id), dropped: (id) => this.gone([id]) });
    Object.assign(this, lay(this));
    this.#listen();
  }

  async start() {
    this.saving.inherit({ before: () => this.editor.leave(), after: (saver) => this.editor.inherited(saver) });
    await this.reread();
    const id = location.hash.split("/")[1];
    if (id && /^\w+$/.test(id)) await this.openAnywhere(id);
    else this.openFirst();
  }

  /** Ask anew what is on the desk: dataset, model, rows. */
  async reread() {
    try {
      const [desk, datasets] = await Promise.all([this.ask("get"), this.ask("all")]);
      this.datasets = datasets;
      const chosen = datasets.find((one) => one.id === desk.dataset) ?? datasets[0] ?? null;
      if (chosen && chosen.id !== desk.dataset) await this.ask("choose", { dataset: chosen.id });
      // At first there is none yet, and what the person has asked for meanwhile counts.
      if (this.dataset && chosen?.id !== this.dataset.id) this.query = { ...EVERYTHING };
      this.dataset = chosen;
      this.editor.use(desk.model ? await this.ask("show", { wanted: desk.model }) : null);
    } catch (error) {
      return this.#failed(error, "reread", () => this.reread());
    }
    return this.refresh();
  }

  /** Show the page of the query as it is now; of several questions only the last answer counts. */
  async refresh() {
    clearTimeout(this.#timers.refresh);
    const asked = ++this.#asked;
    if (!this.dataset) return this.#show();
    try {
      const page = await this.ask("page", { dataset: this.dataset.id, limit: PAGE, ...this.query });
      await released();
      if (asked !== this.#asked) return undefined;
      this.page = page;
    } catch (error) {
      return this.#failed(error, "refresh", () => this.refresh());
    }
    if (this.page.rows.length === 0 && this.query.offset > 0) return this.look({ offset: Math.max(0, this.query.offset - PAGE) });
    this.#show();
    return this.#renewOpen();
  }

  /** Look at other rows. */
  async look(wish) {
    Object.assign(this.query, wish);
    await this.refresh();
    this.list.element.scrollTop = 0;
  }

  /** Write on in the row that was opened last, as soon as it is there; it may not come. */
  async #enter() {
    this.screen("row");
    await this.coming;
    if (this.list.open === this.editor.id) this.editor.focus();
  }

  /** Save and open the row below, on the next page after the last; `status` is said of this one. */
  async goOn(status = "") {
    await this.coming;
    if (status && this.list.open === this.editor.id) this.editor.setStatus(status);
    this.editor.leave();
    const { at, rows } = this.list;
    if (at >= 0 && at < rows.length - 1) return this.list.go(at + 1);
    if (at >= 0 && this.query.offset + rows.length < this.page.total) return (this.coming = this.turnPage(1));
    if (at < 0 && rows.length) return this.list.go(0);
    return toast(this.say("last_row"));
  }

  /** Rows were made: show the last of the list, open. */
  async made(row) {
    Object.assign(this.query, EVERYTHING, { offset: Math.floor((row.number - 1) / PAGE) * PAGE });
    this.source.put(row);
    await this.refresh();
    this.#openRow(row);
    this.screen("row");
    this.editor.focus();
  }

  /** Something about these rows was changed. */
  async renewed(ids) {
    this.source.drop(ids);
    await this.refresh();
  }

  /** Something was taken back or brought back: show where it happened. */
  async follow(ids) {
    await this.renewed(ids);
    const id = ids.includes(this.editor.id) ? this.editor.id : ids.length === 1 && ids[0];
    if (!id) return;
    const { trashed } = await this.source.row(id);
    if (!trashed) await this.openAnywhere(id);
    else if (id === this.editor.id) await this.gone(ids);
  }

  /** These rows are no longer in the list: open what took their place. */
  async gone(ids) {
    const at = Math.max(0, this.list.at);
    this.source.drop(ids);
    this.list.marked.clear();
    await this.refresh();
    this.showMarked();
    if (!ids.includes(this.editor.id)) return;
    if (this.list.rows.length) this.list.go(Math.min(at, this.list.rows.length - 1));
    else this.#openNothing();
  }

  #listen() {
    heard("changed", ({ what }) => what !== "tasks" && this.#later("reread", () => this.reread().then(() => this.editor.id ?? this.openFirst())));
    heard("open-row", ({ row }) => this.openAnywhere(row));
    heard("show-rows", (wish) => this.look({ ...EVERYTHING, ...wish }));
    document.addEventListener("visibilitychange", () => document.hidden && this.editor.leave());
    window.addEventListener("pagehide", () => this.editor.leave());
    listenToKeys(this);
  }

  /** Work on another dataset ("" for none). */
  async choose(dataset) {
    this.editor.leave();
    await this.ask("choose", { dataset });
    Object.assign(this, { dataset: null, query: { ...EVERYTHING } });
    this.list.open = null;
    await this.reread();
    this.openFirst();
    announce("changed", { what: "dataset" });
  }

  openFirst() {
    if (this.list.rows.length === 0) return this.#openNothing();
    return this.#open(this.list.rows[0].id);
  }

  /** Open a row wherever it is; the list turns to it, unless it lies in another dataset. */
  async openAnywhere(id) {
    const opening = ++this.#opening;
    try {
      const row = await this.source.row(id);
      if (opening !== this.#opening) return undefined;
      if (row.dataset !== this.dataset?.id) return this.openFirst();
      if (!this.list.rows.some((one) => one.id === id)) {
        const offset = row.trashed ? 0 : Math.floor((row.number - 1) / PAGE) * PAGE;
        await this.look({ ...EVERYTHING, trashed: row.trashed, offset });
      }
      return this.#openRow(row);
    } catch (error) {
      if (error.key !== "rows.unknown") showCard(error);
      return this.openFirst();
    }
  }

  screen(name) {
    this.body.dataset.screen = name;
  }

  async #open(id) {
    const opening = ++this.#opening;
    const head = this.list.rows.find((one) => one.id === id);
    const known = this.source.peek(id, head?.revision ?? 0);
    if (known) return this.#openRow(known);
    try {
      const row = await this.source.row(id);
      return opening === this.#opening && this.#openRow(row);
    } catch (error) {
      return this.#failed(error, "open", () => opening === this.#opening && this.#open(id));
    }
  }

  #openRow(row) {
    this.#opening += 1;
    this.list.open = row.id;
    this.list.mark();
    this.editor.show(row);
    if (here() === "data") history.replaceState(history.state, "", `#data/${row.id}`);
    this.source.warm(this.list.rows, this.list.at);
  }

  #openNothing() {
    this.#opening += 1;
    this.list.open = null;
    this.list.mark();
    this.editor.clear(this.dataset && this.page.counts.rows > 0 && h("p", { class: "s-quiet" }, this.say("choose_row")));
    this.screen("list");
  }

  /** Another window or a command has changed the open row: show it, unless something was typed. */
  async #renewOpen() {
    const { id, cleanRevision } = this.editor;
    const head = this.list.rows.find((one) => one.id === id);
    if (id === null || cleanRevision === null || head?.revision === cleanRevision) return;
    const row = await this.source.row(id).catch(() => null);
    if (row && this.editor.id === id && this.editor.cleanRevision !== null && row.revision > this.editor.cleanRevision) this.editor.show(row);
  }

  #show() {
    const { page, query, dataset, datasets } = this;
    this.list.show(dataset ? page.rows : []);
    this.find.show(query, page.counts.trashed, this.language);
    this.pager.show({ offset: query.offset, shown: page.rows.length, total: page.total });
    this.head.show({ datasets, dataset, counts: page.counts, filter: query.trashed ? null : query.status, canUndo: page.can_undo, canRedo: page.can_redo });
    this.list.tell(dataset && page.rows.length === 0 && nothingHere(this));
    this.showMarked();
    this.waiting.show(this.editor.id);
    this.body.hidden = !dataset;
    fill(this.welcome, !dataset && welcome(this));
  }

  showMarked() {
    this.sweep.show([...this.list.marked], this.query.trashed);
  }

  async turnPage(step) {
    const offset = this.query.offset + step * PAGE;
    if (offset < 0 || offset >= this.page.total) return;
    await this.look({ offset });
    this.coming = null;
    this.list.go(step > 0 ? 0 : this.list.rows.length - 1);
    await this.coming;
  }

  #saverTurned(saver, outcome) {
    this.editor.heard(saver, outcome);
    this.waiting.show(this.editor.id);
    if (!outcome) return;
    this.source.put(saver.row);
    if (outcome.freed) toast(this.say("freed", { count: outcome.freed }));
    else if (outcome.moved) toast(this.say("moved", { count: outcome.moved }));
    this.#later("refresh", () => this.refresh());
  }

  /** The server is away: keep what is shown and ask again; a card for anything else. */
  #failed(error, name, again) {
    if (error.name === "Card") return showCard(error);
    return this.#later(name, again, AGAIN);
  }

  /** Do `act` soon, once for all wishes of that name. */
  #later(name, act, milliseconds = SOON) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(act, milliseconds);
  }
}

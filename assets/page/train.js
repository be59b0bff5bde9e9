// The Train tab: what would be trained, or one run as it fares, and below it all runs.
//
// The address says which run is open (`#train/<run>`, `#train/new` for a new one), so that reload
// and second windows show the same.

import { heard } from "./bus.js";
import { fill, h } from "./dom.js";
import { inTurn } from "./in_turn.js";
import { showCard } from "./notices.js";
import { here } from "./places.js";
import { List } from "./train_list.js";
import { Plan } from "./train_plan.js";
import { LIVING, Run } from "./train_run.js";

const PLACE = "train";
const NEW = "new";
const OFTEN = 500;
const SELDOM = 3000;
const BROKEN_OFF = ["paused", "interrupted"];
const ANOTHER = ["model", "dataset", "rows", "method"];

export function mount(page) {
  new Train(page).start();
}

class Train {
  #timer = 0;
  #turn = 0;
  #listed = 0;
  run = null;

  constructor(page) {
    this.page = page;
    this.plan = new Plan(page, { started: (run) => this.open(run) });
    this.list = new List(page, { opened: (run) => this.open(run), changed: () => this.relist() });
    this.body = h("div", { class: "train-body" });
  }

  start() {
    const { element, say } = this.page;
    fill(element, h("main", { class: "train" },
      h("h1", { class: "s-title" }, say("title")), h("p", { class: "s-text train-lead" }, say("lead")), this.body, this.list.element));
    heard("moved", ({ place }) => place === PLACE && this.look());
    heard("changed", (detail) => this.#changed(detail));
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    this.look();
  }

  /** Show a run, or with `new` the plan of one. */
  open(run) {
    history.pushState(history.state, "", `#${PLACE}/${run}`);
    window.scrollTo({ top: 0 });
    return this.look();
  }

  #changed({ what }) {
    if (here() !== PLACE) return;
    if (what === "run") this.relist().catch(showCard);
    if (ANOTHER.includes(what) && !this.run) this.plan.look();
  }

  /** Ask how things are, show them so, and ask again while somebody looks. */
  async look() {
    clearTimeout(this.#timer);
    if (here() !== PLACE || document.hidden) return;
    const turn = ++this.#turn;
    const pause = await this.#once();
    if (turn === this.#turn && pause) this.#timer = setTimeout(() => this.look(), pause);
  }

  #once = inTurn(() => this.#read());

  /** Returns after how many milliseconds to ask again; 0 where that would be of no use. */
  async #read() {
    try {
      if (performance.now() - this.#listed > SELDOM) await this.relist();
      const wanted = this.#wanted();
      if (wanted === null) await this.#showPlan();
      else await this.#showRun(wanted);
      return this.run?.isLiving ? OFTEN : SELDOM;
    } catch (error) {
      if (error.name === "Unreachable") this.run?.lost();
      else if (error.key?.startsWith("runs.")) this.open(NEW);
      else showCard(error);
      return error.name === "Unreachable" ? SELDOM : 0;
    }
  }

  /** The run that the address names, else one that is not over; null for a new one. */
  #wanted() {
    const [, named] = location.hash.split("/");
    if (named) return named === NEW ? null : named;
    const { runs } = this.list;
    const found = runs.find(({ status }) => LIVING.includes(status)) ?? runs.slice(0, 1).find(({ status }) => BROKEN_OFF.includes(status));
    if (found) history.replaceState(history.state, "", `#${PLACE}/${found.run}`);
    return found?.run ?? null;
  }

  async #showRun(id) {
    if (this.run?.id !== id) {
      this.run = new Run(this.page, id, { look: () => this.look(), plan: () => this.open(NEW) });
      fill(this.body, this.run.element);
      this.list.show(this.list.runs, id);
    }
    await this.run.ask();
  }

  async #showPlan() {
    const isShown = this.plan.element.isConnected;
    this.run = null;
    if (!isShown) fill(this.body, this.plan.element);
    if (!isShown || this.plan.isWaiting) await this.plan.look();
  }

  /** Read the list of runs anew. */
  async relist() {
    const runs = await this.page.ask("runs");
    this.#listed = performance.now();
    this.list.show(runs, this.run?.id ?? null);
  }
}

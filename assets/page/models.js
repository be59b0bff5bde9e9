// The Model tab: three picks, the models that are known, and any other one.

import { announce, heard } from "./bus.js";
import { fill, h } from "./dom.js";
import { showCard, toast } from "./notices.js";
import { here } from "./places.js";
import { released } from "./pointer.js";
import { Other } from "./models_other.js";
import { drawPicks, drawWaiting } from "./models_picks.js";
import { drawShelf } from "./models_shelf.js";
import { Arrivals } from "./models_tasks.js";

const PLACE = "model";

export function mount(page) {
  new Models(page).open();
}

class Models {
  constructor(page) {
    this.page = page;
    this.picks = null;
    this.shelf = { models: [], used: null };
    this.arrivals = new Arrivals(page, { drawn: () => this.draw(), ended: (task) => this.ended(task) });
    this.picked = h("div", { class: "models-picks" });
    this.kept = h("section", { class: "models-kept", "aria-labelledby": "models-kept" });
    this.other = new Other(page, this);
  }

  open() {
    const { say, element } = this.page;
    fill(element, h("main", { class: "models" },
      h("h1", { class: "s-title" }, say("title")),
      h("p", { class: "s-text models-lead" }, say("lead")),
      this.picked,
      this.kept,
      this.other.element,
    ));
    fill(this.picked, drawWaiting(this.page));
    heard("moved", ({ place }) => place === PLACE && this.look());
    heard("changed", ({ what }) => this.heard(what));
    if (here() === PLACE) this.look();
  }

  heard(what) {
    if (here() !== PLACE) return;
    if (what === "tasks") this.arrivals.look();
    if (what === "model") this.look();
  }

  /** Ask the server how things are, and show them so. */
  async look() {
    try {
      [this.shelf, this.picks] = await Promise.all([this.page.ask("shelf"), this.page.ask("picks")]);
      await this.arrivals.look();
      await released();
      this.draw();
    } catch (error) {
      if (!this.picks) fill(this.picked, this.again());
      showCard(error);
    }
  }

  again() {
    const { say } = this.page;
    return h("button", { type: "button", class: "s-button", onclick: () => (fill(this.picked, drawWaiting(this.page)), this.look()) }, say("try_again"));
  }

  draw() {
    if (!this.picks) return;
    const focused = document.activeElement?.dataset?.act;
    fill(this.picked, drawPicks(this.page, this));
    fill(this.kept, drawShelf(this.page, this));
    if (focused) this.page.element.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  async add(source) {
    await this.doing(async () => {
      await this.page.ask("add", { source });
      await this.arrivals.look();
    });
  }

  async use(id, title) {
    await this.doing(async () => {
      await this.page.ask("use", { model: id });
      toast(this.page.say("now_in_use", { title }));
      announce("changed", { what: "model" });
    });
  }

  async drop(source) {
    await this.doing(async () => {
      await this.page.ask("drop", { source });
      await this.look();
    });
  }

  /** A model has arrived: it is among the known ones now. */
  ended(task) {
    if (task.status === "done") {
      toast(this.page.say("arrived", { title: this.titleOf(task.subject) }));
      announce("changed", { what: "model" });
    }
    this.look();
  }

  titleOf(source) {
    const pick = this.picks?.find((one) => one.source === source);
    return pick ? pick.title : source.split(/[\\/]/).filter(Boolean).slice(-2).join("/");
  }

  async doing(work) {
    try {
      await work();
    } catch (error) {
      showCard(error);
    }
  }
}

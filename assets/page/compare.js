// The Compare tab: one question, two answers side by side, written at the same moment.
//
// What was asked lies with the server, so reload and second windows show the same. The address says
// which run is asked (`#compare/<run>`).

import { heard } from "./bus.js";
import { Choice } from "./compare_choice.js";
import { Earlier } from "./compare_earlier.js";
import { Exchange } from "./compare_exchange.js";
import { Form } from "./compare_form.js";
import { busyNote, heldNote, nothing } from "./compare_notes.js";
import { fill, h } from "./dom.js";
import { showCard, toast } from "./notices.js";
import { inTurn } from "./in_turn.js";
import { here } from "./places.js";

const PLACE = "compare";
const OFTEN = 120;
const SELDOM = 1500;

export function mount(page) {
  new Compare(page).start();
}

class Compare {
  #timer = 0;
  #listed = null;

  constructor(page) {
    this.page = page;
    this.choice = new Choice(page, { chosen: () => this.#chosen() });
    this.form = new Form(page, { ask: () => this.ask() });
    this.exchange = new Exchange(page, { again: (now) => this.again(now), stop: () => this.stop(), answerOf: (now) => this.form.answerOf(now) });
    this.earlier = new Earlier(page);
    this.busy = h("div", { class: "compare-busy-place", "aria-live": "polite" });
    this.held = h("div", { class: "compare-held" });
    this.lead = h("p", { class: "s-text compare-lead" }, page.say("lead"));
    this.body = h("div", { class: "compare-body" });
  }

  start() {
    const { element, say } = this.page;
    fill(element, h("main", { class: "compare" },
      h("div", { class: "compare-top" }, h("div", {}, h("h1", { class: "s-title" }, say("title")), this.lead), this.choice.element),
      this.body,
    ));
    heard("moved", ({ place }) => place === PLACE && this.open());
    heard("changed", ({ what }) => what === "run" && here() === PLACE && this.list());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    this.open();
  }

  async open() {
    if (here() !== PLACE) return;
    await this.list();
    this.look();
  }

  /** Read which runs can answer, and choose the one that the address names, or was asked last. */
  async list() {
    try {
      const runs = await this.page.ask("runs");
      if (!this.#listed) this.#restore((await this.page.ask("look")).now, runs);
      this.#listed = runs;
      this.#layOut(runs.length > 0);
      const [, named = ""] = location.hash.split("/");
      if (named && runs.length && !runs.some(({ run }) => run === named)) toast(this.page.say("cannot_answer"));
      this.choice.show(runs, named);
      this.#address();
    } catch (error) {
      showCard(error);
    }
  }

  /** After a reload: the run and the settings of the last question. */
  #restore(now, runs) {
    if (!now || !runs.some(({ run }) => run === now.run.run)) return;
    this.choice.prefer(now.run.run, now.step);
    this.form.take(now);
  }

  #layOut(canAnswer) {
    if (this.body.dataset.answers === String(canAnswer)) return;
    this.body.dataset.answers = String(canAnswer);
    this.choice.element.hidden = !canAnswer;
    if (!canAnswer) return fill(this.body, nothing(this.page));
    fill(this.body, this.busy, this.form.element, this.#strip(), this.exchange.element, this.held, this.earlier.element);
  }

  #strip() {
    return h("p", { class: "compare-strip", role: "note" }, this.page.say("safety"));
  }

  #chosen() {
    this.#address();
    this.lead.textContent = this.choice.facts;
    this.form.of(this.choice.run.run);
  }

  /** Let the address name the run that is asked. */
  #address() {
    const { run } = this.choice;
    if (run && here() === PLACE) history.replaceState(history.state, "", `#${PLACE}/${run.run}`);
  }

  /** Ask the server how far the answers are, show it, and ask again while somebody looks. */
  async look() {
    clearTimeout(this.#timer);
    if (here() !== PLACE || document.hidden) return;
    const isMoving = await this.#once();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), isMoving ? OFTEN : SELDOM);
  }

  #once = inTurn(() => this.#read());

  async #read() {
    try {
      const found = await this.page.ask("look", this.exchange.seen);
      this.#draw(found);
      return Boolean(found.now && !found.now.done);
    } catch (error) {
      if (error.name !== "Unreachable") showCard(error);
      this.exchange.lost();
      return false;
    }
  }

  #draw({ now: told, busy, held: holder }) {
    const [now, held] = [told && { ...told, run: this.#named(told.run) }, holder && this.#named(holder)];
    const isOther = this.exchange.show(now);
    busyNote(this.page, this.busy, busy);
    heldNote(this.page, this.held, now?.done === false ? null : held);
    this.form.block(busy ? this.page.say("busy_short") : "");
    if (isOther) this.earlier.look();
  }

  /** `run` with its model as people call it. */
  #named(run) {
    return { ...run, base: this.#listed?.find((one) => one.run === run.run)?.base ?? run.model };
  }

  async ask() {
    const { run, step } = this.choice;
    await this.#doing(() => this.page.ask("ask", { run: run.run, step, ...this.form.wish }));
    this.exchange.element.scrollIntoView({ block: "nearest" });
  }

  /** The same question to the same run; other chance where chance plays a part. */
  async again(now) {
    const seed = now.temperature > 0 ? (now.seed + 1) % 2 ** 31 : now.seed;
    const { question, system, temperature, max_new_tokens } = now;
    this.form.take({ ...now, seed });
    await this.#doing(() => this.page.ask("ask", { run: now.run.run, step: now.step, question, system, temperature, max_new_tokens, seed }));
  }

  async stop() {
    await this.#doing(() => this.page.ask("stop"));
  }

  async #doing(work) {
    try {
      await work();
    } catch (error) {
      if (error.name === "Unreachable") this.exchange.lost();
      showCard(error);
    }
    await this.look();
  }
}

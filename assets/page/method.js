// The Method tab: which way to tune, its settings, and what they come to while they are moved.

import { announce, heard } from "./bus.js";
import { fill, h } from "./dom.js";
import { Figures } from "./method_figures.js";
import { Form } from "./method_form.js";
import { Latest } from "./method_latest.js";
import { drawList } from "./method_list.js";
import { drawPresets } from "./method_presets.js";
import { showCard } from "./notices.js";
import { here } from "./places.js";

const PLACE = "method";
const SEEN = 4;
const AGAIN = 2000;
const LENGTH = ["epochs"];
const USUAL_TRAINING = ["lr", "batch", "schedule", "max_length", "check"];

export function mount(page) {
  new Method(page).start();
}

class Method {
  constructor(page) {
    this.page = page;
    this.counted = new Map();
    this.unfolded = { id: null };
    this.moves = 0;
    this.list = h("section", { class: "method-list", "aria-label": page.say("methods") });
    this.presets = h("div", { class: "method-presets" });
    this.settings = h("section", { class: "method-settings" });
    this.figures = new Figures(page);
    this.counting = new Latest((wish) => page.ask("count", wish), {
      pause: 0, late: () => this.figures.wait(), answered: (answer, wish) => this.answer(answer, wish), failed: (error) => this.fail(error),
    });
    this.keeping = new Latest((wish) => page.ask("keep", wish), {
      pause: 300, answered: () => this.kept(), failed: (error) => this.unkept(error),
    });
  }

  start() {
    const { say, element } = this.page;
    const bar = document.getElementById("bar");
    fill(element, h("main", { class: "method" },
      h("h1", { class: "s-title" }, say("title")),
      h("p", { class: "s-text method-lead" }, say("lead")),
      h("div", { class: "method-three" }, this.list, this.figures.element, this.settings),
    ));
    new ResizeObserver(() => element.style.setProperty("--bar", `${bar.offsetHeight}px`)).observe(bar);
    heard("moved", ({ place }) => place === PLACE && this.look());
    heard("changed", ({ what, by }) => here() === PLACE && by !== PLACE && ["model", "method"].includes(what) && this.look());
    document.addEventListener("visibilitychange", () => document.hidden || (here() === PLACE && this.look()));
    if (here() === PLACE) this.look();
  }

  /** Ask the server how things are; what is not yet kept there stays as it is here. */
  async look() {
    const { ask } = this.page;
    const before = this.moves;
    try {
      const shown = await ask("show");
      const isOurs = this.state && (this.keeping.isOwed || this.isUnkept || this.moves !== before);
      this.forms = shown.forms;
      this.trainingForm = shown.training_form;
      if (!isOurs) this.state = { method: shown.method, knobs: shown.knobs, training: shown.training };
      this.draw();
      if (shown.model) await this.compare();
      else this.figures.withoutModel();
      this.counting.want(this.wish());
    } catch (error) {
      if (error.name === "Unreachable") setTimeout(() => here() === PLACE && this.look(), AGAIN);
      this.fail(error);
    }
  }

  /** Every method on this model; the first time takes a while, and says so. */
  async compare() {
    const late = setTimeout(() => this.figures.wait(), 400);
    try {
      const all = await this.page.ask("overview");
      this.counted = new Map(all.map((one) => [one.id, one]));
      this.drawList();
    } finally {
      clearTimeout(late);
    }
  }

  get formOf() {
    return this.forms.find((form) => form.id === this.state.method);
  }

  draw() {
    this.drawList();
    if (this.drawn !== this.state.method) this.drawSettings();
    this.form.show(this.state.knobs[this.state.method]);
    this.training.show(this.state.training);
    this.drawPresets();
  }

  drawList() {
    refill(this.list, drawList(this.page, this.forms, { chosen: this.state.method, counted: this.counted, unfolded: this.unfolded, choose: (id) => this.choose(id) }));
  }

  drawSettings() {
    const { say } = this.page;
    const { name, knobs } = this.formOf;
    const names = knobs.map((knob) => knob.name);
    this.drawn = this.state.method;
    this.form = new Form(this.page, knobs, { groups: [names.slice(0, SEEN), names.slice(SEEN)], folds: [say("more")], changed: (knob, value) => this.change(this.knobs, knob, value) });
    this.training ??= this.makeTraining();
    fill(this.settings,
      h("h2", { class: "method-title", tabindex: "-1" }, name), this.presets,
      knobs.length ? this.form.element : h("p", { class: "s-quiet" }, say("no_knobs")),
      h("h2", { class: "method-title" }, say("length")),
      this.training.element,
    );
  }

  makeTraining() {
    const { say } = this.page;
    const rest = this.trainingForm.map((knob) => knob.name).filter((name) => ![...LENGTH, ...USUAL_TRAINING].includes(name));
    return new Form(this.page, this.trainingForm, { groups: [LENGTH, USUAL_TRAINING, rest], folds: [say("more_length"), say("all_settings")], changed: (knob, value) => this.change(this.state.training, knob, value) });
  }

  drawPresets() {
    refill(this.presets, drawPresets(this.page, this.formOf, this.knobs, (preset) => this.preset(preset)));
  }

  /** What was chosen of the knobs of the method in use. */
  get knobs() {
    return this.state.knobs[this.state.method];
  }

  wish() {
    return { method: this.state.method, knobs: { ...this.knobs }, training: { ...this.state.training } };
  }

  choose(id) {
    this.state.method = id;
    this.unfolded.id = id;
    this.draw();
    this.settings.scrollIntoView({ block: "start" });
    this.settings.querySelector("h2").focus({ preventScroll: true });
    this.moved();
  }

  change(home, name, value) {
    if (value === null) delete home[name];
    else home[name] = value;
    this.drawPresets();
    this.moved();
  }

  preset({ knobs }) {
    for (const [name, value] of Object.entries(knobs)) this.knobs[name] = value;
    this.form.show(this.knobs);
    this.drawPresets();
    this.moved();
  }

  moved() {
    this.moves += 1;
    this.counting.want(this.wish());
    this.keeping.want(this.wish());
  }

  answer(answer, { method }) {
    if (method !== this.state.method) return;
    this.counted.set(method, answer);
    this.figures.show(answer);
    this.form.tell(answer.problems);
    this.training.tell(answer.problems);
    if (answer.cost) this.training.hint("lr", answer.cost.learning_rate);
  }

  fail(error) {
    if (error.name === "Card") this.figures.stuck(error);
    else showCard(error);
  }

  kept() {
    this.isUnkept = false;
    this.figures.kept(true);
    announce("changed", { what: "method", by: PLACE });
  }

  unkept(error) {
    this.isUnkept = true;
    this.figures.kept(false);
    if (error.kind !== "UserMistake" && error.kind !== "Mistakes") showCard(error);
  }
}

/** As `fill`; the focus stays on the button that does what the one with the focus did. */
function refill(element, children) {
  const focused = document.activeElement?.dataset?.act;
  fill(element, children);
  if (focused) element.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

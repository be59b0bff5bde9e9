// Before Start: what would be learned from, by what, for how long; name and questions of the run.

import { announce } from "./bus.js";
import { plotly } from "./chart.js";
import { fill, h } from "./dom.js";
import { isComposing } from "./keys.js";
import { showCard } from "./notices.js";
import { bytes, count, decimal, duration, large, share } from "./numbers.js";
import { go } from "./places.js";
import { Questions } from "./train_questions.js";

const SHOWN_BY_STATUS = ["draft", "flagged"];

/** `started(run)` is called with the id of the run that was begun. */
export class Plan {
  #isStarting = false;
  #suggested = "";
  #shown = "";

  constructor(page, { started }) {
    Object.assign(this, { page, started });
    const { say } = page;
    this.list = h("dl", { class: "train-list" });
    this.name = h("input", { class: "s-input notranslate", id: "train-name", type: "text", maxlength: "100", translate: "no", spellcheck: "false", autocomplete: "off", dir: "auto" });
    this.questions = new Questions(page);
    this.button = h("button", { type: "submit", class: "s-button s-first train-start", disabled: true, "aria-describedby": "train-why" }, say("start"));
    this.why = h("div", { class: "train-why", id: "train-why", "aria-live": "polite" });
    this.element = h("form", { class: "train-plan", onsubmit: (event) => (event.preventDefault(), this.#start()), onkeydown: (event) => event.key === "Enter" && isComposing(event) && event.preventDefault() },
      h("section", { class: "train-check", "aria-labelledby": "train-check" }, h("h2", { class: "s-heading", id: "train-check" }, say("check_title")), this.list),
      h("section", { class: "train-order", "aria-label": say("order") },
        h("label", { class: "s-field", for: "train-name" }, h("span", {}, say("name"))), this.name,
        this.questions.element,
        h("div", { class: "train-go" }, this.button, this.why)));
  }

  /** Ask anew what would be trained. */
  async look() {
    try {
      this.plan = await this.page.ask("plan");
    } catch (error) {
      return showCard(error);
    }
    const { dataset, name } = this.plan;
    const isOurs = !this.name.value || this.name.value === this.#suggested;
    if (isOurs && document.activeElement !== this.name) this.name.value = name;
    this.#suggested = name;
    const { training, checklist } = this.plan;
    await this.questions.of(dataset?.id ?? null, `${checklist?.version} ${training.check}`);
    return this.#draw();
  }

  /** Whether something may turn out without anybody having changed anything here. */
  get isWaiting() {
    const { problem, measured } = this.plan?.checklist ?? {};
    return Boolean(problem) || measured === false;
  }

  #draw() {
    const sign = JSON.stringify([this.plan, this.#isStarting]);
    if (sign === this.#shown) return;
    this.#shown = sign;
    fill(this.list, lines(this.page, this.plan).map(([state, name, ...what]) => h("div", { class: `train-line train-${state}` },
      h("dt", {}, h("span", { class: "train-mark", "aria-hidden": "true" }, MARKS[state]), name), h("dd", {}, what))));
    const reason = this.#reason();
    this.button.disabled = Boolean(reason);
    this.button.title = reason?.text ?? "";
    fill(this.button, this.page.say(this.#isStarting ? "starting" : "start"));
    fill(this.why, reason ? [h("p", { class: "s-text" }, reason.text), reason.act] : h("p", { class: "s-quiet" }, this.page.say("start_what")));
  }

  /** Why Start has to wait: a sentence, and the way out where there is one. */
  #reason() {
    const { say } = this.page;
    if (this.#isStarting) return { text: say("starting_what") };
    if (!this.plan.model) return { text: say("no_model"), act: way(say("choose_model"), "model") };
    if (!this.plan.dataset) return { text: say("no_rows"), act: way(say("bring_rows"), "data") };
    const { problem } = this.plan.checklist;
    return problem && { text: problem.text, act: problem.key.startsWith("rows.") && way(say("review_rows"), "data") };
  }

  async #start() {
    if (this.button.disabled) return;
    this.#isStarting = true;
    this.#draw();
    plotly().catch(console.error); // the first point is not to wait for it
    try {
      const run = await this.page.ask("start", { name: this.name.value, questions: this.questions.values, order: this.plan.order });
      this.name.value = "";
      announce("changed", { what: "run" });
      this.started(run);
    } catch (error) {
      showCard(error);
    }
    this.#isStarting = false;
    await this.look();
  }
}

const MARKS = { good: "✓", open: "○", bad: "!" };

/** Lines `[state, name, …what]`; those about rows only where there is a model and a dataset. */
function lines(page, plan) {
  const { say } = page;
  const { model, dataset, checklist } = plan;
  const chosen = [
    model ? ["good", say("model"), text(model.name), link(say("change"), "model")] : ["bad", say("model"), say("none_chosen"), link(say("choose_model"), "model")],
    dataset ? ["good", say("rows"), text(dataset.name), link(say("change"), "data")] : ["bad", say("rows"), say("none_chosen"), link(say("bring_rows"), "data")],
  ];
  const way = ["good", say("method"), method(page, plan), link(say("change"), "method")];
  return checklist ? [...chosen, ...rowLines(page, checklist), way, ...costLines(page, checklist)] : [...chosen, way];
}

function rowLines(page, { trains, check_rows: held, left_out: leftOut, measured, cut_rows: cut }) {
  const { say, language } = page;
  return [
    [trains ? "good" : "bad", say("trains"), say("trains_n", { n: count(trains, language) }), cut > 0 && note(say("cut_n", { n: count(cut, language) }))],
    [held ? "good" : "open", say("held"), held ? say("held_n", { n: count(held, language) }) : say("held_none"), note(say(held ? "held_what" : "held_none_what"))],
    ["open", say("left_out"), leftOut.length ? reasons(page, leftOut) : say("left_out_none"), !measured && note(say("not_measured"))],
  ];
}

function reasons(page, leftOut) {
  return h("ul", { class: "train-reasons" }, leftOut.map((one) => h("li", {}, reason(page, one))));
}

/** One reason with its count, and the way to the rows that it holds for. */
function reason({ say, language }, { reason: key, count: n, rows, why }) {
  const words = h("span", { title: why ?? "" }, say(`left_${key}`, { n: count(n, language) }));
  if (SHOWN_BY_STATUS.includes(key)) return [words, linked(say("show_rows"), () => show("show-rows", { status: key }))];
  if (key === "exam") return [words, linked(say("show_rows"), () => show("show-rows", { split: "exam" }))];
  return [words, rows.map(({ id, number }) => linked(say("row_n", { n: count(number, language) }), () => show("open-row", { row: id })))];
}

function show(event, detail) {
  go("data");
  announce(event, detail);
}

function method({ say, language }, { method: { name }, training, cost }) {
  const length = training.steps ? say("figure_steps", { n: count(training.steps, language) }) : say("figure_epochs", { n: decimal(training.epochs, training.epochs % 1 ? 1 : 0, language) });
  const rate = training.lr ?? cost?.learning_rate;
  return [text(name), note([
    cost && say("figure_trainable", { n: large(cost.trainable, language), share: share(cost.share, language) }),
    rate && say("figure_rate", { rate: String(rate) }),
    length,
    say("figure_batch", { n: count(training.batch * training.accumulate, language) }),
  ].filter(Boolean).join(say("comma")))];
}

function costLines({ say, language }, { updates, passes, seconds, disk_needed_bytes: needed, disk_free_bytes: free }) {
  const fits = needed <= free;
  return [
    ["open", say("time"), seconds === null ? say("time_unknown") : say("time_about", { time: duration(seconds, language) }),
      note([say("updates_n", { n: count(updates, language), passes: decimal(passes, passes % 1 ? 1 : 0, language) }), seconds !== null && say("time_from")].filter(Boolean).join(say("comma")))],
    [fits ? "good" : "bad", say("disk"), say("disk_of", { needed: bytes(needed, language), free: bytes(free, language) })],
  ];
}

function text(name) {
  return h("span", { class: "notranslate train-name", translate: "no", dir: "auto" }, name);
}

function note(words) {
  return h("span", { class: "s-quiet train-note" }, words);
}

function linked(words, act) {
  return h("button", { type: "button", class: "train-link", onclick: act }, words);
}

function link(words, place) {
  return document.getElementById(`place-${place}`) && linked(words, () => go(place));
}

function way(words, place) {
  return h("button", { type: "button", class: "s-button", onclick: () => go(place) }, words);
}

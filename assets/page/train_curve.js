// The curve of one run: the distance from the answers, for rows that it learns from and for those
// held back; behind a fold, the numbers of the field.

import { Chart, append } from "./chart.js";
import { fill, h } from "./dom.js";
import { decimal } from "./numbers.js";

const SHORTEST = 3;
const LONGEST = 100;

/** A mean that forgets older values; unbiased from the first one on. */
class Smooth {
  #sum = 0;
  #weight = 0;

  constructor(span) {
    this.keep = 1 - 2 / (span + 1);
  }

  next(value) {
    this.#sum = this.keep * this.#sum + value;
    this.#weight = this.keep * this.#weight + 1;
    return this.#sum / this.#weight;
  }
}

/** How many updates the smooth line looks back on, in a run of so many. */
function span(total) {
  return Math.min(LONGEST, Math.max(SHORTEST, total / 20));
}

/** `{element, whole(total, points, checks), more(points, checks)}` for what `watch` tells. */
export class Curve {
  constructor({ say, language }) {
    Object.assign(this, { say, language });
    this.back = h("button", { type: "button", class: "s-button s-plain train-whole", hidden: true, onclick: () => this.chart.whole() }, say("whole"));
    this.chart = new Chart({ label: say("curve"), across: say("updates"), zoomed: (isZoomed) => (this.back.hidden = !isZoomed) });
    this.field = new Field({ say });
    this.element = h("section", { class: "train-curve", "aria-label": say("curve") },
      h("div", { class: "train-curve-head" },
        h("h3", { class: "s-heading" }, say("curve"), " ", h("span", { class: "s-term" }, say("curve_term"))),
        h("p", { class: "s-quiet" }, say("curve_what")), this.back),
      this.chart.element, this.#legend(), this.field.element);
  }

  /** Draw all of a run anew; resolves once it is drawn. */
  whole(total, points, checks) {
    this.smooth = new Smooth(span(total));
    const { say } = this;
    this.field.whole(points);
    this.#tell(points);
    return this.chart.draw([
      { kind: "faint", colour: "--tuned", hover: null, x: points.step, y: points.loss },
      { kind: "line", colour: "--tuned", hover: say("hover_trained"), x: points.step, y: points.loss.map((loss) => this.smooth.next(loss)) },
      { kind: "marks", colour: "--ink", hover: say("hover_check"), x: checks.step, y: checks.loss },
    ], total);
  }

  /** Add what is new; resolves once it is drawn. */
  more(points, checks) {
    this.field.more(points);
    this.#tell(points);
    return this.chart.add([
      { x: points.step, y: points.loss },
      { x: points.step, y: points.loss.map((loss) => this.smooth.next(loss)) },
      { x: checks.step, y: checks.loss },
    ]);
  }

  #legend() {
    const { say } = this;
    const line = (kind, key) => h("li", {}, h("span", { class: `train-sign train-sign-${kind}`, "aria-hidden": "true" }), say(key));
    return h("ul", { class: "train-legend" }, line("line", "legend_trained"), line("marks", "legend_check"));
  }

  /** The last value, for those who do not see the figure. */
  #tell({ loss }) {
    if (!loss.length) return;
    this.chart.element.setAttribute("aria-label", this.say("curve_now", { loss: decimal(loss.at(-1), 2, this.language) }));
  }
}

const FIELD = ["lr", "grad_norm"];

/** Learning rate and gradient norm; drawn when the fold is opened. */
class Field {
  #points = null;

  constructor({ say }) {
    this.charts = FIELD.map((name) => new Chart({ label: say(name), across: "", small: true }));
    this.element = h("details", { class: "train-field", ontoggle: () => this.element.open && this.#draw() },
      h("summary", {}, say("field")),
      h("div", { class: "train-field-charts" }, FIELD.map((name, at) => h("figure", {},
        h("figcaption", { class: "s-quiet" }, say(name), " ", h("span", { class: "s-term" }, say(`${name}_what`))), this.charts[at].element))));
  }

  whole(points) {
    this.#points = { step: [...points.step], ...Object.fromEntries(FIELD.map((name) => [name, [...points[name]]])) };
    if (this.element.open) this.#draw();
  }

  more(points) {
    for (const name of ["step", ...FIELD]) append(this.#points[name], points[name]);
    if (this.element.open) FIELD.forEach((name, at) => this.charts[at].add([{ x: points.step, y: points[name] }]));
  }

  #draw() {
    if (!this.#points) return;
    FIELD.forEach((name, at) => this.charts[at].draw([{ kind: "line", colour: "--soft", hover: "", x: this.#points.step, y: this.#points[name] }]));
  }
}

/** A curve each for several runs, `{name, step, loss, check_step, check_loss}`, in colours of their own. */
export class Overlay {
  constructor({ say }) {
    this.say = say;
    this.chart = new Chart({ label: say("overlay"), across: say("updates") });
    this.legend = h("ul", { class: "train-legend" });
    this.element = h("section", { class: "train-overlay", "aria-label": say("overlay"), hidden: true },
      h("h3", { class: "s-heading" }, say("overlay"), " ", h("span", { class: "s-term" }, say("curve_term"))), this.chart.element, this.legend);
  }

  show(curves) {
    this.element.hidden = curves.length === 0;
    if (!curves.length) return;
    fill(this.legend, curves.map(({ name }, at) => h("li", {},
      h("span", { class: "train-sign train-sign-line", style: `color: var(${colour(at)})`, "aria-hidden": "true" }),
      h("span", { class: "notranslate", translate: "no", dir: "auto" }, name))));
    const longest = Math.max(...curves.map(({ step }) => step.at(-1) ?? 0));
    this.chart.draw(curves.flatMap((run, at) => this.#traces(run, colour(at))), longest);
  }

  #traces({ name, step, loss, check_step: checkStep, check_loss: checkLoss }, token) {
    const smooth = new Smooth(span(step.length));
    return [
      { kind: "line", colour: token, hover: name, x: step, y: loss.map((one) => smooth.next(one)) },
      { kind: "marks", colour: token, hover: this.say("hover_check_of", { name }), x: checkStep, y: checkLoss },
    ];
  }
}

const COLOURS = 6;

function colour(at) {
  return `--run-${(at % COLOURS) + 1}`;
}

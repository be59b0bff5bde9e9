// Which run is asked, and which of its save points.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

const RESULT = "result";

/** Two fields; `facts` are those of the chosen run. `chosen` is called when it is another. */
export class Choice {
  #runs = [];
  #wanted = null;

  constructor(page, { chosen }) {
    const { say } = page;
    this.page = page;
    this.chosen = chosen;
    this.run = null;
    this.runs = h("select", { class: "s-input notranslate", id: "compare-run", translate: "no", onchange: () => this.#choose(this.runs.value) });
    this.steps = h("select", { class: "s-input", id: "compare-step" });
    this.facts = "";
    this.element = h("div", { class: "compare-choice" },
      h("label", { class: "s-field", for: "compare-run" }, h("span", {}, say("run")), this.runs),
      h("label", { class: "s-field", for: "compare-step" }, h("span", {}, say("step"), " ", h("span", { class: "s-term" }, say("step_term"))), this.steps),
    );
  }

  /** The save point that is asked; null for the result. */
  get step() {
    return this.steps.value === RESULT ? null : Number(this.steps.value);
  }

  /** Choose `run` at `step` when the runs are shown, if the address names none. */
  prefer(run, step) {
    this.#wanted = { run, step };
  }

  /** Show these runs; the one `named` is chosen, else the one that was, else the newest. */
  show(runs, named) {
    if (JSON.stringify(runs) !== JSON.stringify(this.#runs)) this.#list(runs);
    const wanted = [named, this.run?.run, this.#wanted?.run].find((id) => id && runs.some(({ run }) => run === id));
    const id = wanted ?? runs[0]?.run;
    if (id && id !== this.run?.run) this.#choose(id);
  }

  #list(runs) {
    const groups = Map.groupBy ? Map.groupBy(runs, ({ base }) => base) : grouped(runs);
    fill(this.runs, [...groups].map(([base, own]) => h("optgroup", { label: base }, own.map((run) => h("option", { value: run.run }, run.name)))));
    this.#runs = runs;
    const fresh = runs.find(({ run }) => run === this.run?.run);
    if (fresh) this.#show(fresh, this.steps.value);
  }

  #choose(id) {
    const run = this.#runs.find((one) => one.run === id);
    const step = this.#wanted?.run === id ? this.#wanted.step : null;
    this.#wanted = null;
    this.#show(run, step === null ? RESULT : String(step));
    this.chosen();
  }

  #show(run, step) {
    const { say, language } = this.page;
    this.run = run;
    this.runs.value = run.run;
    const points = run.save_points.filter((point) => point !== run.tuned_step).reverse();
    fill(this.steps,
      run.tuned_step !== null && h("option", { value: RESULT }, say("result", { step: count(run.tuned_step, language) })),
      points.map((point) => h("option", { value: String(point) }, say("save_point", { step: count(point, language) }))),
    );
    if ([...this.steps.options].some(({ value }) => value === step)) this.steps.value = step;
    const erased = run.erased_rows ? say("erased", { n: count(run.erased_rows, language) }) : "";
    this.facts = [run.base, run.way, say("rows_of", { dataset: run.dataset }), erased].filter(Boolean).join(" · ");
  }
}

function grouped(runs) {
  const groups = new Map();
  for (const run of runs) groups.set(run.base, [...(groups.get(run.base) ?? []), run]);
  return groups;
}

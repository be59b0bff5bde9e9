// A form made from knobs: some to be seen at once, the others behind folds.

import { h } from "./dom.js";
import { field } from "./method_field.js";

export class Form {
  /** `groups`: lists of names; the first is seen, each other lies behind the fold that `folds` names. */
  constructor(page, knobs, { groups, folds, changed }) {
    this.fields = new Map(knobs.map((knob) => [knob.name, field(page, knob, (value) => changed(knob.name, value))]));
    const [seen, ...hidden] = groups.map((names) => names.map((name) => this.fields.get(name).element));
    this.element = h("div", { class: "method-form" }, seen, hidden.map((fields, at) => fold(folds[at], fields)));
  }

  /** Show `values`; knobs that are not in it are at their defaults. */
  show(values) {
    for (const [name, one] of this.fields) one.show(values[name]);
  }

  /** Say at each knob what is wrong with it, and open the fold that it lies behind. */
  tell(problems) {
    for (const [name, one] of this.fields) {
      const text = problems.find((problem) => problem.knob === name)?.text ?? "";
      one.problem(text);
      if (text) one.element.closest("details")?.setAttribute("open", "");
    }
  }

  /** What a knob that is left to the studio comes to. */
  hint(name, value) {
    this.fields.get(name)?.hint(value);
  }
}

function fold(words, fields) {
  if (!fields.length) return null;
  return h("details", { class: "method-fold" }, h("summary", {}, words), h("div", { class: "method-form" }, fields));
}

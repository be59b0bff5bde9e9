// The questions of a run with the answers as they change. What a model says is text, never more.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

/** Cards, one a question; the first answer on top, the newest below. */
export class Answers {
  #asked = new Map();
  #open = new Set();

  constructor(page) {
    this.page = page;
    this.cards = h("div", { class: "train-cards" });
    this.element = h("section", { class: "train-answers", hidden: true, "aria-label": page.say("answers") },
      h("h3", { class: "s-heading" }, page.say("answers")),
      h("p", { class: "s-quiet" }, page.say("answers_what")),
      this.cards,
      h("p", { class: "s-quiet train-safety" }, page.say("safety")));
  }

  /** Take answers `{step, prompt, text}` in; `again` drops those that are there. */
  take(samples, again) {
    if (again) this.#asked.clear();
    for (const { step, prompt, text } of samples) {
      const answers = this.#asked.get(prompt) ?? new Map();
      this.#asked.set(prompt, answers.set(step, text));
    }
    if (samples.length || again) this.#draw();
  }

  #draw() {
    this.element.hidden = this.#asked.size === 0;
    fill(this.cards, [...this.#asked].map(([prompt, answers]) => this.#card(prompt, [...answers])));
  }

  #card(prompt, answers) {
    const [first, ...rest] = answers;
    const newest = rest.pop();
    return h("article", { class: "s-card train-card" },
      h("h4", { class: "train-asked notranslate", translate: "no", dir: "auto" }, prompt),
      this.#answer(first),
      rest.length > 0 && this.#between(prompt, rest),
      newest && this.#answer(newest));
  }

  #between(prompt, answers) {
    const { say, language } = this.page;
    const fold = h("details", { class: "train-between", open: this.#open.has(prompt), ontoggle: () => (fold.open ? this.#open.add(prompt) : this.#open.delete(prompt)) },
      h("summary", { class: "s-quiet" }, say("between", { n: count(answers.length, language) })), answers.map((answer) => this.#answer(answer)));
    return fold;
  }

  #answer([step, text]) {
    const { say, language } = this.page;
    return h("div", { class: "train-answer" },
      h("p", { class: "train-when" }, say("after_update", { n: count(step, language) })),
      h("p", { class: "train-said notranslate", translate: "no", dir: "auto" }, text || say("said_nothing")));
  }
}

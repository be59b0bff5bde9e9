// What is asked: the question, suggestions from rows that were held back, and how the answer is drawn.

import { fill, h } from "./dom.js";
import { isComposing } from "./keys.js";
import { showCard } from "./notices.js";
import { Settings } from "./compare_settings.js";

const QUIET = { translate: "no", spellcheck: "false", autocomplete: "off" };

/** `ask` is called when the person wants an answer; `wish` says to what. */
export class Form {
  #run = null;
  #turn = 0;
  #known = new Map();

  constructor(page, { ask }) {
    const { say } = page;
    this.page = page;
    this.act = ask;
    this.settings = new Settings(page);
    this.field = h("textarea", { class: "s-input notranslate compare-question", id: "compare-question", rows: "2", placeholder: say("question_like"), ...QUIET, onkeydown: (event) => this.#key(event) });
    this.send = h("button", { type: "submit", class: "s-button s-first compare-ask" }, say("ask"));
    this.why = h("p", { class: "s-quiet compare-why" });
    this.chips = h("div", { class: "compare-chips" });
    this.element = h("form", { class: "compare-form", onsubmit: (event) => this.#submit(event) },
      h("label", { class: "s-hidden", for: "compare-question" }, say("question")),
      h("div", { class: "compare-line" }, this.field, this.send),
      this.why,
      h("div", { class: "compare-under" }, this.chips, this.settings.opener),
      this.settings.element,
    );
  }

  /** The question and the settings, as the server wants them. */
  get wish() {
    return { question: this.field.value.trim(), ...this.settings.values };
  }

  /** Take over the question and the settings of an exchange. */
  take(exchange) {
    if (!this.field.value) this.field.value = exchange.question;
    this.settings.take(exchange);
  }

  /** Why nothing can be asked now; empty where it can. */
  block(reason) {
    this.send.disabled = Boolean(reason);
    this.send.title = reason;
    if (this.why.textContent !== reason) this.why.textContent = reason;
  }

  /** What a person has answered to the question of an exchange; null where nobody has. */
  answerOf({ run, question, system }) {
    return this.#known.get(key(run.run, question, system)) ?? null;
  }

  /** Suggest questions for `run`. */
  of(run) {
    this.#run = run;
    this.#turn = 0;
    this.#suggest();
  }

  async #suggest() {
    const run = this.#run;
    try {
      const found = await this.page.ask("suggestions", { run, seed: this.#turn });
      if (run !== this.#run) return;
      for (const one of found) this.#known.set(key(run, one.question, one.system), one.answer);
      this.#draw(found);
    } catch (error) {
      showCard(error);
    }
  }

  #draw(found) {
    const { say } = this.page;
    if (!found.length) return fill(this.chips, h("p", { class: "s-quiet" }, say("none_held_back")));
    fill(this.chips,
      h("span", { class: "s-quiet", title: say("suggested_what") }, say("suggested")),
      found.map((one) => h("button", { type: "button", class: "compare-chip notranslate", translate: "no", title: one.question, onclick: () => this.#use(one) }, one.question)),
      h("button", { type: "button", class: "s-button s-plain compare-others", onclick: () => (this.#turn += 1, this.#suggest()) }, say("others")),
    );
  }

  #use({ question, system }) {
    this.field.value = question;
    this.settings.take({ ...this.settings.values, system });
    this.element.requestSubmit();
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    this.element.requestSubmit();
  }

  #submit(event) {
    event.preventDefault();
    if (this.send.disabled) return;
    if (!this.field.value.trim()) return this.field.focus();
    this.act();
  }
}

function key(run, question, system) {
  return JSON.stringify([run, question.trim(), system]);
}

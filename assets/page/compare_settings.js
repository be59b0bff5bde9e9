// How answers are drawn: instructions, variety, length and chance, behind a fold.

import { h } from "./dom.js";
import { count, decimal } from "./numbers.js";

const FIRST = { system: "", temperature: 0, max_new_tokens: 256, seed: 0 };
const WORDS = [[0, "variety_none"], [0.4, "variety_little"], [0.9, "variety_some"], [Infinity, "variety_much"]];
const MOST = { max_new_tokens: 8192, seed: 2 ** 31 - 1 };

/** A button that opens the fold, and the fold; `values` are those of its fields, within their bounds. */
export class Settings {
  constructor(page) {
    const { say } = page;
    this.page = page;
    this.system = h("textarea", { class: "s-input notranslate", id: "compare-system", rows: "2", translate: "no", spellcheck: "false", autocomplete: "off", placeholder: say("system_like") });
    this.variety = h("input", { type: "range", id: "compare-variety", min: "0", max: "1.5", step: "0.1", value: "0" });
    this.word = h("output", { class: "s-quiet", for: "compare-variety" });
    this.length = number("compare-length", 1, MOST.max_new_tokens, FIRST.max_new_tokens);
    this.seed = number("compare-seed", 0, MOST.seed, FIRST.seed);
    this.sum = h("span", { class: "s-quiet" });
    this.opener = h("button", { type: "button", class: "s-button s-plain compare-opener", "aria-expanded": "false", "aria-controls": "compare-settings", onclick: () => this.#fold() }, say("settings"), this.sum);
    this.element = h("div", { class: "compare-settings", id: "compare-settings", hidden: true },
      this.#field("system", this.system, "compare-wide"),
      this.#field("variety", h("div", { class: "compare-variety" }, this.variety, this.word)),
      this.#field("length", this.length),
      this.#field("seed", this.seed),
    );
    this.element.addEventListener("input", () => this.#tell());
    this.#tell();
  }

  get values() {
    return {
      system: this.system.value.trim() ? this.system.value : "",
      temperature: Number(this.variety.value),
      max_new_tokens: within(this.length.value, 1, MOST.max_new_tokens, FIRST.max_new_tokens),
      seed: within(this.seed.value, 0, MOST.seed, FIRST.seed),
    };
  }

  /** Show these values. */
  take({ system, temperature, max_new_tokens, seed }) {
    this.system.value = system;
    this.variety.value = String(temperature);
    this.length.value = String(max_new_tokens);
    this.seed.value = String(seed);
    this.#tell();
  }

  #fold() {
    this.element.hidden = !this.element.hidden;
    this.opener.setAttribute("aria-expanded", String(!this.element.hidden));
  }

  #field(name, control, wide = "") {
    const { say } = this.page;
    const input = control.matches("input, textarea") ? control : control.querySelector("input");
    return h("div", { class: `s-field ${wide}` },
      h("label", { class: "compare-label", for: input.id }, say(name), " ", h("span", { class: "s-term" }, say(`${name}_term`))),
      control,
      h("p", { class: "s-quiet" }, say(`${name}_what`)),
    );
  }

  /** The variety in words, and beside the fold what differs from the first settings. */
  #tell() {
    const { say, language } = this.page;
    const { system, temperature, max_new_tokens, seed } = this.values;
    const [, word] = WORDS.find(([upTo]) => temperature <= upTo);
    this.word.textContent = `${decimal(temperature, 1, language)} · ${say(word)}`;
    this.variety.setAttribute("aria-valuetext", this.word.textContent);
    this.sum.textContent = [
      system && say("sum_system"),
      temperature > 0 && say("sum_variety", { value: decimal(temperature, 1, language) }),
      max_new_tokens !== FIRST.max_new_tokens && say("sum_length", { n: count(max_new_tokens, language) }),
      temperature > 0 && say("sum_seed", { n: String(seed) }),
    ].filter(Boolean).join(" · ");
  }
}

function number(id, min, max, value) {
  return h("input", { type: "number", class: "s-input", id, min: String(min), max: String(max), step: "1", value: String(value), inputmode: "numeric" });
}

function within(text, low, high, otherwise) {
  const value = Math.round(Number(text));
  return text.trim() === "" || Number.isNaN(value) ? otherwise : Math.min(high, Math.max(low, value));
}

// Three questions that are put to the model again and again while it learns.

import { fill, h } from "./dom.js";
import { showCard } from "./notices.js";

const COUNT = 3;

/** Fields with what check rows suggest, until somebody types something else. */
export class Questions {
  #of = null;
  #suggested = [];

  constructor(page) {
    this.page = page;
    const { say } = page;
    this.fields = Array.from({ length: COUNT }, (_, at) => this.#field(at));
    this.element = h("fieldset", { class: "train-questions" },
      h("legend", { class: "s-heading" }, say("questions")),
      h("p", { class: "s-quiet" }, say("questions_what")),
      this.fields.map(({ element }) => element));
  }

  get values() {
    return this.fields.map(({ input }) => input.value).filter((value) => value.trim());
  }

  /** Suggest questions of `dataset`, while `state` is as it was; what was typed stays. */
  async of(dataset, state) {
    const wanted = dataset && `${dataset} ${state}`;
    if (wanted === this.#of) return;
    this.#of = wanted;
    const last = this.#suggested;
    try {
      this.#suggested = dataset ? await this.page.ask("questions", { dataset }) : [];
    } catch (error) {
      this.#of = null;
      showCard(error);
    }
    this.fields.forEach((field, at) => {
      if (!field.input.value || field.input.value === last[at]) field.input.value = this.#suggested[at] ?? "";
      this.#tell(at);
    });
  }

  #field(at) {
    const { say } = this.page;
    const source = h("span", { class: "s-term" });
    const input = h("textarea", {
      class: "s-input notranslate", rows: 1, maxlength: "2000", translate: "no", spellcheck: "false", autocomplete: "off", dir: "auto",
      placeholder: say("question_like"), oninput: () => this.#tell(at),
    });
    const element = h("label", { class: "s-field train-question" }, h("span", {}, say("question_n", { n: at + 1 }), " ", source), input);
    return { element, input, source };
  }

  #tell(at) {
    const { input, source } = this.fields[at];
    const value = input.value.trim();
    const key = !value ? null : value === this.#suggested[at]?.trim() ? "from_check" : "from_audience";
    fill(source, key && this.page.say(key));
  }
}

// How many word pieces the texts take, while they are typed. Never in the way: it asks in pauses,
// one question at a time, and is silent where no model can say.

import { fill } from "./dom.js";
import { count } from "./numbers.js";

const PAUSE = 400;
const LONGEST = 200_000;

export class Counter {
  #timer = null;
  #isAsking = false;
  #wanted = null;
  #silent = null;

  /** `ask`, `say`, `language`; `limit()` is what the model reads at most, or null. */
  constructor(given) {
    Object.assign(this, given);
  }

  /** Count the texts of `fields` by `model` (null: none is chosen) as soon as typing pauses. */
  count(model, fields) {
    clearTimeout(this.#timer);
    this.#wanted = null;
    if (!model || model === this.#silent) return fields.forEach((field) => fill(field.foot));
    this.#timer = setTimeout(() => this.#want({ model, fields }), PAUSE);
  }

  #want(wanted) {
    this.#wanted = wanted;
    if (!this.#isAsking) this.#ask();
  }

  async #ask() {
    const { model, fields } = this.#wanted;
    const wanted = this.#wanted;
    const texts = fields.map((field) => field.text);
    if (texts.join("").length > LONGEST) return fields.forEach((field) => fill(field.foot));
    this.#isAsking = true;
    try {
      const counts = await this.ask("count", { model, texts });
      if (this.#wanted === wanted) this.#show(fields, counts);
    } catch (error) {
      // A model that cannot count will not learn to; a stopped server may be back soon.
      if (error.name === "Card") this.#silent = model;
    } finally {
      this.#isAsking = false;
    }
    if (this.#wanted && this.#wanted !== wanted) this.#ask();
  }

  #show(fields, counts) {
    const total = counts.reduce((sum, n) => sum + n, 0);
    const limit = this.limit();
    const n = (value) => count(value, this.language);
    fields.forEach((field, at) => {
      const isLast = at === fields.length - 1;
      const isLong = isLast && limit && total > limit;
      field.foot.classList.toggle("rows-warn", Boolean(isLong));
      const said = counts[at] || isLast ? this.say("pieces", { count: n(counts[at]) }) : "";
      fill(field.foot, isLong ? `${said} · ${this.say("too_long", { total: n(total), limit: n(limit) })}` : said);
    });
  }
}

// What the model will learn of a row: its word pieces, those it reads, those it learns, those that
// are cut off. The server makes them with the trainer's own labels.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

const PAUSE = 600;
const MOST_CHARACTERS = 200_000;
const MOST_PIECES = 6000;

export class Learned {
  #wanted = null;
  #timer = null;

  /** `ask`, `say`, `language`. */
  constructor(given) {
    Object.assign(this, given);
    this.content = h("div", { class: "rows-learned", "aria-live": "polite" });
    this.element = h("details", { class: "rows-panel", ontoggle: () => this.#ask() },
      h("summary", { class: "rows-label" }, this.say("learned_title")), this.content);
  }

  /** Show `body` as `model` would learn it (null: none is chosen), once the panel is open. */
  show(model, body) {
    clearTimeout(this.#timer);
    this.#wanted = { model, body };
    if (this.element.open) this.#timer = setTimeout(() => this.#ask(), PAUSE);
    else fill(this.content);
  }

  async #ask() {
    const wanted = this.#wanted;
    if (!this.element.open || !wanted) return;
    if (!wanted.model) return this.#tell("learned_no_model");
    if (JSON.stringify(wanted.body).length > MOST_CHARACTERS) return this.#tell("learned_too_long");
    const slow = setTimeout(() => wanted === this.#wanted && this.#tell("learned_waiting"), 300);
    try {
      const answer = await this.ask("learned", wanted);
      if (wanted === this.#wanted) fill(this.content, ...this.#drawn(answer));
    } catch (error) {
      if (wanted === this.#wanted) fill(this.content, h("p", { class: "s-quiet" }, error.text ?? this.say("learned_unreachable")));
    } finally {
      clearTimeout(slow);
    }
  }

  #tell(key) {
    fill(this.content, h("p", { class: "s-quiet" }, this.say(key)));
  }

  #drawn({ tokens, trained, stop_trained: isStopTrained }) {
    const n = (value) => count(value, this.language);
    const of = (role) => tokens.filter((token) => token.role === role).length;
    const stop = isStopTrained ? tokens.findLastIndex((token) => token.role === "trained") : -1;
    const facts = { all: n(tokens.length), trained: n(trained), cut: n(of("cut")) };
    const shown = tokens.slice(0, MOST_PIECES).map((token, at) => this.#piece(token, at === stop));
    return [
      h("p", { class: "s-text" }, this.say("learned_sum", facts)),
      h("p", { class: "rows-legend" }, this.#legend("context"), this.#legend("trained"), of("cut") > 0 && this.#legend("cut"), stop >= 0 && this.#legend("stop")),
      stop < 0 && h("p", { class: "s-quiet rows-warn" }, this.say("learned_no_stop")),
      h("div", { class: "rows-pieces notranslate", translate: "no", dir: "auto" }, shown),
      tokens.length > MOST_PIECES && h("p", { class: "s-quiet" }, this.say("learned_more", { count: n(tokens.length - MOST_PIECES) })),
    ];
  }

  #piece({ text, role }, isStop) {
    const shown = text.replaceAll("\n", "↵\n");
    return h("span", { class: isStop ? "rows-piece rows-trained rows-stop" : `rows-piece rows-${role}`, title: isStop ? this.say("legend_stop") : null }, shown);
  }

  #legend(role) {
    const kind = role === "stop" ? "rows-trained rows-stop" : `rows-${role}`;
    return h("span", { class: "rows-legend-one" }, h("span", { class: `rows-piece ${kind}`, "aria-hidden": "true" }, this.say(`legend_${role}_sample`)), this.say(`legend_${role}`));
  }
}

// What the settings come to: values that learn, their share, and the file of the result.

import { fill, h } from "./dom.js";
import { bytes, count, large, share } from "./numbers.js";
import { go } from "./places.js";

const SAID_AFTER = 700;

export class Figures {
  constructor(page) {
    this.page = page;
    this.shown = h("div", { class: "method-figures-body" });
    this.notes = h("div", { class: "method-notes" });
    this.state = h("p", { class: "s-quiet method-kept" });
    this.voice = h("p", { class: "s-hidden", role: "status" });
    this.element = h("div", { class: "method-side" },
      h("section", { class: "method-figures", "aria-labelledby": "method-figures" },
        h("h2", { class: "s-heading", id: "method-figures" }, page.say("figures")),
        this.shown, this.voice,
      ),
      this.notes, this.state, onward(page),
    );
  }

  /** An answer of the server: figures, or why there are none. */
  show({ cost, notes, problems }) {
    fill(this.notes, notes.map((note) => h("p", { class: "s-quiet" }, note)));
    this.isUseless = problems.length > 0;
    this.drawState();
    if (problems.length) return this.none(problems.map((problem) => problem.text));
    if (!cost) return this.withoutModel();
    this.draw(cost);
    this.say(this.spoken(cost));
  }

  draw(cost) {
    const { say, language } = this.page;
    const numbers = numbersOf(cost, language);
    const bar = h("div", { class: "method-share", "aria-hidden": "true" }, h("span", {}));
    bar.firstChild.style.width = `${Math.max(0.5, cost.share * 100)}%`;
    fill(this.shown,
      figure(numbers.trainable, say("of_total", numbers), say("trainable_term"), { class: "method-trainable", title: count(cost.trainable, language), data: { exact: cost.trainable } }, bar,
        h("p", { class: "s-quiet", data: { exact: cost.share } }, say("share", numbers))),
      figure(bytes(cost.disk_bytes, language), say("file"), say("file_term"), { class: "method-disk", title: count(cost.disk_bytes, language), data: { exact: cost.disk_bytes } }),
    );
  }

  /** There are none, for these reasons. */
  none(reasons) {
    const { say } = this.page;
    fill(this.shown, h("p", { class: "s-text method-none" }, say("none")), reasons.map((reason) => h("p", { class: "s-quiet" }, reason)));
    this.say(`${say("none")} ${reasons.join(" ")}`);
  }

  withoutModel() {
    const { say } = this.page;
    fill(this.shown, h("p", { class: "s-text" }, say("no_model")), toModel(say, "s-button s-first"));
  }

  /** The model itself is what is wrong. */
  stuck(card) {
    const { say } = this.page;
    fill(this.notes);
    fill(this.shown, h("div", { class: "method-stuck", role: "alert" },
      h("h3", { class: "s-heading" }, card.title),
      h("p", { class: "s-text" }, card.text),
      card.details && h("details", {}, h("summary", {}, say("details")), h("code", {}, card.details)),
      toModel(say, "s-button"),
    ));
  }

  /** Nothing is known yet: the model's layers are being looked at. */
  wait() {
    if (this.shown.querySelector(".method-big")) return;
    fill(this.shown, h("p", { class: "s-quiet" }, this.page.say("counting")));
  }

  /** Whether training would start with what is shown. */
  kept(isKept) {
    this.isKept = isKept;
    this.drawState();
  }

  drawState() {
    const { say } = this.page;
    if (this.isKept === undefined) return;
    if (!this.isKept) fill(this.state, say("not_kept"));
    else fill(this.state, this.isUseless ? say("kept_useless") : say("kept"));
  }

  spoken(cost) {
    const { say, language } = this.page;
    return say("spoken", { ...numbersOf(cost, language), size: bytes(cost.disk_bytes, language) });
  }

  /** To readers of screens: only where the figures have come to rest. */
  say(text) {
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.voice.textContent !== text && fill(this.voice, text), SAID_AFTER);
  }
}

function numbersOf(cost, language) {
  return { trainable: values(cost.trainable, language), total: values(cost.total, language), share: share(cost.share, language) };
}

/** So many values: in words from a hundred thousand on. */
export function values(n, language) {
  return n < 100_000 ? count(n, language) : large(n, language);
}

/** A large number, what it counts, and the field's term for it. */
function figure(number, words, term, attributes, ...more) {
  return h("div", { class: "method-figure" },
    h("p", { ...attributes, class: `method-big ${attributes.class}` }, number),
    h("p", { class: "s-text" }, words, " ", h("span", { class: "s-term" }, term)),
    more,
  );
}

function toModel(say, look) {
  return h("button", { type: "button", class: look, onclick: () => go("model") }, say("to_model"));
}

function onward({ say }) {
  if (!document.getElementById("place-train")) return null;
  return h("button", { type: "button", class: "s-button method-onward", onclick: () => go("train") }, say("to_train"));
}

// One text of a row. It holds the whole text, also where it shows only the head of a huge one, and
// says nothing while an input method composes. Knows no row.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

const MOST_SHOWN = 20_000;
const MOST_GROWING = 40_000;

/** What browsers must not do with the text of a row. */
export const PRIVATE = { translate: "no", spellcheck: "false", autocomplete: "off", autocapitalize: "off", dir: "auto" };

export class TextField {
  composing = false;
  #whole = "";
  #shown = "";
  #isCut = false;
  #isReadOnly = false;
  #given;

  /**
   * `label`, `lines` (the least shown), `placeholder`, `say`, `language`; `changed()` at each change,
   * `whole()` just before and after an input method composes, `left()` when the focus goes.
   */
  constructor(given) {
    this.#given = given;
    this.input = h("textarea", {
      ...PRIVATE,
      class: "s-input notranslate rows-input",
      rows: given.lines,
      placeholder: given.placeholder ?? null,
      oninput: (event) => this.#typed(event),
      onblur: () => given.left(),
      oncompositionstart: () => {
        given.whole();
        this.composing = true;
        given.changed();
      },
      oncompositionend: () => {
        this.composing = false;
        given.changed();
        given.whole();
      },
    });
    this.input.style.setProperty("--lines", given.lines);
    this.head = h("span", { class: "rows-label" }, given.label);
    this.more = h("div", { class: "rows-more" });
    this.foot = h("span", { class: "s-term rows-foot" });
    this.element = h("div", { class: "rows-field" }, this.more, h("label", { class: "s-field" }, this.head, this.input), this.foot);
  }

  /** The text as it was given while nobody has typed: the browser shows every line end as \n. */
  get text() {
    return this.#isCut || this.input.value === this.#shown ? this.#whole : this.input.value;
  }

  /** Show `text`; the caret stays where it was if only something else has changed. */
  set text(text) {
    if (text === this.text) return;
    this.#whole = text;
    this.#isCut = text.length > MOST_SHOWN;
    this.#show(this.#isCut ? text.slice(0, MOST_SHOWN) : text);
    fill(this.more, this.#isCut && this.#offer());
  }

  set readOnly(isReadOnly) {
    this.#isReadOnly = isReadOnly;
    this.input.readOnly = isReadOnly || this.#isCut;
  }

  focus() {
    this.input.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "nearest" });
  }

  #typed(event) {
    if (!event.isComposing) this.#given.changed();
  }

  #show(text) {
    const { selectionStart, selectionEnd } = this.input;
    this.input.classList.toggle("rows-huge", text.length > MOST_GROWING);
    this.input.value = text;
    this.#shown = this.input.value;
    this.input.readOnly = this.#isReadOnly || this.#isCut;
    if (document.activeElement === this.input) this.input.setSelectionRange(selectionStart, selectionEnd);
  }

  /** A huge text is laid out only on demand: it may hold the page up for a moment. */
  #offer() {
    const { say, language } = this.#given;
    const all = () => {
      this.#isCut = false;
      this.#show(this.#whole);
      fill(this.more);
      this.input.focus();
    };
    return [
      h("span", { class: "s-quiet" }, say("huge", { shown: count(MOST_SHOWN, language) })),
      h("button", { type: "button", class: "s-button", onclick: all }, say("show_all", { count: count(this.#whole.length, language) })),
    ];
  }
}

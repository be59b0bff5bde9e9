// Which rows the list shows: search, part, order, trash; and the pages of what was found.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

const PAUSE = 80;
export const PAGE = 50;
export const EVERYTHING = { search: "", status: "", split: "", sort: "position", offset: 0, trashed: false };

/** Search field and choices above the list; `changed(part)` says which wishes are new. */
export class Find {
  #timer = null;

  constructor({ say, changed }) {
    this.say = say;
    this.search = h("input", {
      type: "search", class: "s-input notranslate", translate: "no", spellcheck: "false", autocomplete: "off", dir: "auto",
      placeholder: say("search"), "aria-label": say("search"),
      oninput: (event) => !event.isComposing && this.#later(changed),
      oncompositionend: () => this.#later(changed),
    });
    this.split = choice(say("filter_split"), ["", "train", "check", "exam"].map((one) => [one, say(one ? `split_${one}` : "split_all")]), (split) => changed({ split }));
    this.sort = choice(say("sort"), ["position", "newest", "edited"].map((one) => [one, say(`sort_${one}`)]), (sort) => changed({ sort }));
    this.trash = h("button", { type: "button", class: "rows-chip", "aria-pressed": "false", onclick: () => changed({ trashed: this.trash.getAttribute("aria-pressed") !== "true" }) });
    this.element = h("div", { class: "rows-find" }, this.search, h("div", { class: "rows-choices" }, this.split, this.sort, this.trash));
  }

  show(query, trashed, language) {
    if (this.search.value.trim() !== query.search && document.activeElement !== this.search) this.search.value = query.search;
    this.split.value = query.split;
    this.sort.value = query.sort;
    this.trash.setAttribute("aria-pressed", String(query.trashed));
    fill(this.trash, this.say("trash"), h("span", { class: "rows-number" }, count(trashed, language)));
  }

  #later(changed) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => changed({ search: this.search.value.trim() }), PAUSE);
  }
}

function choice(label, options, chosen) {
  const select = h("select", { class: "s-input rows-select", "aria-label": label, title: label, onchange: () => chosen(select.value) },
    options.map(([value, text]) => h("option", { value }, text)));
  return select;
}

/** The foot of the list: which stretch of what was found, and the way to the others. */
export class Pager {
  constructor({ say, language, turn }) {
    Object.assign(this, { say, language });
    this.back = h("button", { type: "button", class: "s-button s-plain rows-icon", "aria-label": say("page_back"), title: say("page_back"), onclick: () => turn(-1) }, "‹");
    this.next = h("button", { type: "button", class: "s-button s-plain rows-icon", "aria-label": say("page_next"), title: say("page_next"), onclick: () => turn(1) }, "›");
    this.where = h("span", { class: "s-quiet", role: "status" });
    this.element = h("nav", { class: "rows-pager", "aria-label": say("pages") }, this.back, this.where, this.next);
  }

  show({ offset, shown, total }) {
    const n = (value) => count(value, this.language);
    fill(this.where, total === 0 ? "" : this.say("page_of", { first: n(offset + 1), last: n(offset + shown), total: n(total) }));
    this.back.disabled = offset === 0;
    this.next.disabled = offset + shown >= total;
    this.element.hidden = total === 0;
  }
}

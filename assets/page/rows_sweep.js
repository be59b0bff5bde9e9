// What can be done to several marked rows at once.

import { fill, h } from "./dom.js";
import { count } from "./numbers.js";

/** `wish` = {setStatus, trash, restore, erase, unmark}; shown while rows are marked. */
export class Sweep {
  constructor({ say, language, wish }) {
    Object.assign(this, { say, language, wish });
    this.element = h("div", { class: "rows-sweep", role: "toolbar", "aria-label": say("marked"), hidden: true });
  }

  show(ids, isTrash) {
    const { say, wish } = this;
    const act = (text, does, kind = "") => h("button", { type: "button", class: `s-button ${kind}`, onclick: does }, text);
    this.element.hidden = ids.length === 0;
    if (ids.length === 0) return;
    fill(this.element,
      h("span", { class: "s-quiet" }, say("marked_count", { count: count(ids.length, this.language) })),
      isTrash
        ? [act(say("restore"), () => wish.restore(ids)), act(say("erase"), () => wish.erase(ids), "s-danger")]
        : [
            ...["ready", "draft", "flagged"].map((status) => act(say(`status_${status}`), () => wish.setStatus(ids, status))),
            act(say("to_trash"), () => wish.trash(ids)),
          ],
      act(say("unmark"), () => wish.unmark(), "s-plain"));
  }
}

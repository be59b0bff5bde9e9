// What was asked before in this sitting, folded away.

import { sourceOf } from "./compare_exchange.js";
import { fill, h } from "./dom.js";
import { showCard } from "./notices.js";

export class Earlier {
  #shown = new Map();

  constructor(page) {
    this.page = page;
    this.list = h("div", {});
    this.element = h("section", { class: "compare-earlier", hidden: true }, h("h2", { class: "s-heading" }, page.say("earlier")), this.list);
  }

  /** Read the list anew; what was unfolded stays so. */
  async look() {
    try {
      const found = await this.page.ask("earlier");
      this.#shown = new Map(found.map((one) => [one.id, this.#shown.get(one.id) ?? this.#entry(one)]));
      fill(this.list, [...this.#shown.values()]);
      this.element.hidden = found.length === 0;
    } catch (error) {
      showCard(error);
    }
  }

  #entry(one) {
    const { say } = this.page;
    return h("details", { class: "compare-past" },
      h("summary", {}, h("span", { class: "compare-past-question notranslate", translate: "no" }, one.question), h("span", { class: "s-quiet" }, sourceOf(this.page, one))),
      h("div", { class: "compare-lanes" }, ["base", "tuned"].map((lane) => h("section", { class: `compare-lane compare-${lane}` },
        h("h3", {}, say(`lane_${lane}`)),
        h("p", { class: "compare-text notranslate", translate: "no" }, one[lane].text.trim() || say("note_nothing")),
        one[lane].cut && h("p", { class: "s-quiet compare-note" }, say("note_cut")),
      ))),
      h("p", { class: "s-quiet" }, say("safety")),
    );
  }
}

// What happened to a row: who, when, what changed; an old state can be saved again as a new one.

import { fill, h } from "./dom.js";
import { parts, same } from "./rows_body.js";

const MOST_COMPARED = 20_000;
const AROUND = 60;

export class History {
  #id = null;

  /** `ask`, `say`, `language`; `restore(row)` saves an old state of the row. */
  constructor(given) {
    Object.assign(this, given);
    this.content = h("div", { class: "rows-history" });
    this.element = h("details", { class: "rows-panel", ontoggle: () => this.#load() },
      h("summary", { class: "rows-label" }, this.say("history_title")), this.content);
  }

  /** Stand for the row `id`, of which something may have changed. */
  show(id) {
    if (id !== this.#id) fill(this.content);
    this.#id = id;
    this.#load();
  }

  async #load() {
    const id = this.#id;
    if (!this.element.open || !id) return;
    try {
      const past = await this.ask("history", { id });
      if (id === this.#id) fill(this.content, this.#drawn(past));
    } catch (error) {
      if (id === this.#id) fill(this.content, h("p", { class: "s-quiet" }, error.text ?? this.say("history_unreachable")));
    }
  }

  #drawn(past) {
    const entries = past.map((entry, n) => this.#entry(entry, past[n - 1]?.row, n === past.length - 1));
    return h("ol", { class: "rows-past" }, entries.reverse());
  }

  #entry(entry, before, isNow) {
    const { say } = this;
    const when = new Intl.DateTimeFormat(this.language === "zh" ? "zh-CN" : "en", { dateStyle: "medium", timeStyle: "short" }).format(entry.at * 1000);
    const what = say(entry.followed ? "past_followed" : `past_${entry.kind}`);
    const again = !isNow && h("button", { type: "button", class: "s-button s-plain", onclick: () => this.restore(entry.row) }, say("past_again"));
    return h("li", {},
      h("div", { class: "rows-past-head" }, h("span", {}, what), h("span", { class: "s-term" }, [when, entry.author].filter(Boolean).join(" · ")), again),
      before && this.#differences(before, entry.row));
  }

  #differences(before, after) {
    const old = new Map(parts(before).map((part) => [part.name, part]));
    const now = new Map(parts(after).map((part) => [part.name, part]));
    const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name)?.text !== now.get(name)?.text);
    const marks = ["status", "split"].filter((field) => !same(before[field], after[field]));
    return [
      ...marks.map((field) => h("p", { class: "s-quiet" }, `${this.say(field)}: ${this.say(`${field}_${before[field]}`)} → ${this.say(`${field}_${after[field]}`)}`)),
      ...names.map((name) => this.#difference(now.get(name) ?? old.get(name), old.get(name)?.text ?? "", now.get(name)?.text ?? "")),
    ];
  }

  #difference({ role, number }, before, after) {
    const { start, gone, come, end } = difference(before.slice(0, MOST_COMPARED), after.slice(0, MOST_COMPARED));
    const label = number ? this.say("numbered", { name: this.say(`role_${role}`), number }) : this.say(`role_${role}`);
    return h("div", { class: "rows-difference" },
      h("span", { class: "s-term" }, label),
      h("p", { class: "notranslate", translate: "no", dir: "auto" }, start, gone && h("del", {}, gone), come && h("ins", {}, come), end));
  }
}

/** What lies between the common head and tail of two texts, with a little of both around it. */
export function difference(before, after) {
  const [old, now] = [[...before], [...after]];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1;
  const start = old.slice(0, head);
  const end = tail ? old.slice(-tail) : [];
  return {
    start: start.length > AROUND ? `…${start.slice(-AROUND).join("")}` : start.join(""),
    gone: old.slice(head, old.length - tail).join(""),
    come: now.slice(head, now.length - tail).join(""),
    end: end.length > AROUND ? `${end.slice(0, AROUND).join("")}…` : end.join(""),
  };
}

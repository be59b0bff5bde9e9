// One lane: an answer as it grows, evenly, with its counts. Text only, whatever the model writes.

import { fill, h } from "./dom.js";
import { count, decimal } from "./numbers.js";

const QUICK = 150;
const SLOW = 900;
const still = window.matchMedia("(prefers-reduced-motion: reduce)");

/** `text` is all that has come; it is shown letter by letter at the pace at which it comes. */
export class Lane {
  #shown = 0;
  #frame = 0;
  #then = 0;
  #heard = 0;
  #pace = QUICK;

  constructor(page, name) {
    const { say } = page;
    this.page = page;
    this.name = name;
    this.seen = 0;
    this.text = "";
    this.words = h("p", { class: "compare-text notranslate", translate: "no" });
    this.note = h("p", { class: "s-quiet compare-note" });
    this.counts = h("span", { class: "compare-counts" });
    this.head = h("div", { class: "compare-head" }, h("h2", {}, say(`lane_${name}`), " ", h("span", { class: "s-term" }, say(`lane_${name}_what`))));
    this.element = h("section", { class: `compare-lane compare-${name}`, "aria-busy": "false" }, this.head, this.words, this.note, this.counts);
  }

  /** Make room for another answer. */
  clear() {
    this.seen = this.#shown = 0;
    this.text = "";
    this.words.textContent = "";
  }

  /** Take in what has come since; `now` is the exchange that it belongs to. */
  show(lane, now) {
    if (lane) {
      this.seen = lane.seen;
      this.text += lane.text;
      if (lane.text) this.#hear();
    }
    const isWriting = Boolean(now && now.stage === "answering" && !lane.ended);
    this.element.classList.toggle("compare-writing", isWriting);
    this.element.setAttribute("aria-busy", String(isWriting));
    this.#tell(lane, now);
    if (!isWriting || still.matches || document.hidden) this.#reveal(Infinity);
    else if (!this.#frame) this.#start();
  }

  /** Text comes in bits; each is spread over about the time until the next. */
  #hear() {
    const now = performance.now();
    const since = Math.min(SLOW, Math.max(QUICK, now - this.#heard));
    this.#pace += 0.5 * (since - this.#pace);
    this.#heard = now;
  }

  #tell(lane, now) {
    const { say, language } = this.page;
    const facts = lane?.tokens ? say("counts", { n: count(lane.tokens, language), seconds: decimal(lane.seconds, 1, language) }) : "";
    if (this.counts.textContent !== facts) this.counts.textContent = facts;
    const note = this.#note(lane, now);
    if (this.note.textContent !== note) this.note.textContent = note;
    this.note.hidden = !note;
  }

  #note(lane, now) {
    const { say } = this.page;
    if (!now?.done || now.problem) return "";
    if (now.stage === "stopped") return say(lane.tokens ? "note_stopped" : "note_nothing");
    if (lane.cut) return say("note_cut");
    return this.text.trim() ? "" : say("note_empty");
  }

  #start() {
    this.#then = performance.now();
    this.#frame = requestAnimationFrame((at) => this.#step(at));
  }

  #step(at) {
    const waiting = this.text.length - this.#shown;
    const more = Math.round((waiting * 1.5 * (at - this.#then)) / this.#pace);
    if (more) {
      this.#reveal(this.#shown + more);
      this.#then = at;
    }
    this.#frame = this.#shown < this.text.length ? requestAnimationFrame((next) => this.#step(next)) : 0;
  }

  #reveal(upTo) {
    if (upTo === Infinity) {
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
    }
    this.#shown = whole(this.text, Math.min(upTo, this.text.length));
    const text = this.text.slice(0, this.#shown).trimStart();
    if (this.words.textContent !== text) fill(this.words, text);
  }
}

/** `at`, or one further where it would part the two halves of a sign. */
function whole(text, at) {
  const last = text.charCodeAt(at - 1);
  return last >= 0xd800 && last <= 0xdbff ? at + 1 : at;
}

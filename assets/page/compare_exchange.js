// A question and both its answers as they are written.

import { Lane } from "./compare_lane.js";
import { copyText } from "./compare_copy.js";
import { proof } from "./compare_proof.js";
import { fill, h } from "./dom.js";
import { toast } from "./notices.js";
import { decimal, duration } from "./numbers.js";

const LANES = ["base", "tuned"];

/** `again(now)` and `stop()` are what its buttons do; `answerOf(now)` what a person has answered. */
export class Exchange {
  #now = null;
  #since = 0;

  constructor(page, acts) {
    const { say } = page;
    this.page = page;
    this.acts = acts;
    this.asked = h("p", { class: "compare-asked notranslate", translate: "no" });
    this.whom = h("p", { class: "s-quiet compare-whom" });
    this.line = h("p", { class: "s-quiet compare-stage", "aria-live": "polite" });
    this.bar = h("div", { class: "compare-loading", hidden: true }, h("span", {}));
    this.clock = h("span", { class: "s-quiet compare-clock", "aria-hidden": "true" });
    this.problem = h("div", {});
    this.proof = h("div", {});
    this.lanes = { base: new Lane(page, "base"), tuned: new Lane(page, "tuned") };
    this.lanes.base.head.append(this.proof);
    this.stopper = button("compare-stop", say("stop"), () => acts.stop());
    this.repeat = button("compare-again", say("again"), () => acts.again(this.#now));
    this.copier = button("compare-copy", say("copy"), () => this.#copy());
    this.own = h("details", { class: "compare-own", hidden: true });
    this.element = h("section", { class: "compare-exchange", "aria-label": say("answers") },
      h("div", { class: "compare-over" },
        h("div", {}, this.asked, h("div", { class: "compare-state" }, this.whom, this.line, this.bar, this.clock)),
        h("div", { class: "compare-acts" }, this.stopper, this.repeat, this.copier)),
      this.problem,
      h("div", { class: "compare-lanes" }, LANES.map((name) => this.lanes[name].element)),
      this.own,
    );
    this.show(null);
  }

  /** What this window has already, as `look` wants it. */
  get seen() {
    if (!this.#now) return {};
    return { id: this.#now.id, seen: { base: this.lanes.base.seen, tuned: this.lanes.tuned.seen } };
  }

  /** Show how far it is; returns whether it is another exchange than before. */
  show(now) {
    const isOther = now?.id !== this.#now?.id;
    if (isOther) this.#begin(now);
    this.#now = now;
    for (const name of LANES) this.lanes[name].show(now?.[name] ?? null, now);
    this.#tell(now);
    return isOther;
  }

  /** The server does not answer. */
  lost() {
    const text = this.page.say("lost");
    if (this.line.textContent !== text) this.line.textContent = text;
  }

  #begin(now) {
    this.#since = performance.now();
    this.asked.textContent = now?.question ?? "";
    this.whom.textContent = now ? sourceOf(this.page, now) : "";
    fill(this.problem);
    for (const name of LANES) this.lanes[name].clear();
    const answer = now && this.acts.answerOf(now);
    this.own.open = false;
    fill(this.own, h("summary", {}, this.page.say("own")), h("p", { class: "compare-own-text notranslate", translate: "no" }, answer ?? ""));
  }

  #tell(now) {
    const { say } = this.page;
    const text = now ? this.#stage(now) : say("stage_none");
    if (this.line.textContent !== text) this.line.textContent = text;
    this.bar.hidden = this.clock.hidden = !now || !["waiting", "loading"].includes(now.stage);
    this.clock.textContent = duration((performance.now() - this.#since) / 1000, this.page.language);
    this.element.dataset.stage = now?.stage ?? "none";
    const isWritten = Boolean(now && (now.done || now.stage === "proving"));
    this.stopper.hidden = !now || isWritten;
    this.stopper.textContent = say(now?.stage === "loading" ? "cancel" : "stop");
    this.repeat.hidden = this.copier.hidden = !isWritten;
    this.repeat.title = say(now?.temperature > 0 ? "again_other" : "again_same");
    this.copier.hidden ||= !(now.base.tokens || now.tuned.tokens);
    this.#prove(now);
    this.own.hidden = !isWritten || !this.acts.answerOf(now);
    if (!this.own.hidden) this.own.lastChild.textContent = this.acts.answerOf(now);
    if (now?.problem && !this.problem.firstChild) fill(this.problem, failed(now.problem, say));
  }

  /** The badge, drawn anew only where it says something else. */
  #prove(now) {
    const sign = now && !now.problem ? `${now.id} ${now.base_proved} ${now.done}` : "";
    if (this.proof.dataset.sign === sign) return;
    this.proof.dataset.sign = sign;
    fill(this.proof, sign && proof(this.page, now));
  }

  #stage(now) {
    return now.problem ? "" : this.page.say(`stage_${now.stage}`, { model: now.run.base });
  }

  async #copy() {
    const done = await copyText(this.page, this.#now, { base: this.lanes.base.text, tuned: this.lanes.tuned.text });
    toast(this.page.say(done ? "copied" : "not_copied"));
  }
}

/** Which run at which point answers, and by which chance, in one line. */
export function sourceOf({ say, language }, { run, step, temperature, seed }) {
  const at = step === null ? say("at_result", { step: run.tuned_step }) : say("at_save_point", { step });
  const chance = temperature > 0 && [say("sum_variety", { value: decimal(temperature, 1, language) }), say("sum_seed", { n: String(seed) })];
  return [run.name, at, chance].flat().filter(Boolean).join(" · ");
}

function failed(card, say) {
  return h("div", { class: "compare-failed", role: "alert" },
    h("h2", { class: "s-heading" }, card.title),
    h("p", { class: "s-text" }, card.text),
    card.details && h("details", {}, h("summary", {}, say("details")), h("code", {}, card.details)),
  );
}

function button(name, text, onclick) {
  return h("button", { type: "button", class: `s-button ${name}`, onclick }, text);
}

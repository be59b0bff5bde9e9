// One run: how far it is, its curve, its answers, and what can be done with it now.

import { announce } from "./bus.js";
import { append } from "./chart.js";
import { fill, h } from "./dom.js";
import { confirm, showCard } from "./notices.js";
import { bytes, count, decimal, duration } from "./numbers.js";
import { go } from "./places.js";
import { Answers } from "./train_answers.js";
import { Curve } from "./train_curve.js";

export const LIVING = ["new", "preparing", "running", "waiting"];
const CAN_RESUME = ["paused", "interrupted", "failed"];
const LOST_SOME = ["interrupted", "failed"];
const GROWING = ["step", "epoch", "loss", "lr", "grad_norm", "tokens", "seconds"];

/** The view of one run; `look` asks at once how it is, `plan` leads to a new one. */
export class Run {
  seq = 0;
  news = null;
  #points = null;
  #best = null;
  #wish = null;
  #isDrawn = false;

  constructor(page, id, { look, plan }) {
    Object.assign(this, { page, id, look, plan });
    const { say } = page;
    this.name = h("h2", { class: "train-run-name notranslate", translate: "no", dir: "auto" });
    this.pill = h("span", { class: "s-pill" });
    this.acts = h("div", { class: "train-acts" });
    this.state = h("div", { class: "train-state", "aria-live": "polite" });
    this.far = h("p", { class: "train-far" });
    this.bar = h("div", { class: "s-progress", role: "progressbar", "aria-label": say("progress"), "aria-valuemin": "0", "aria-valuemax": "100" }, h("div", {}));
    this.figures = h("dl", { class: "train-figures" });
    this.away = h("p", { class: "train-away", role: "status", hidden: true }, say("away"));
    this.curve = new Curve(page);
    this.answers = new Answers(page);
    this.foot = h("p", { class: "s-quiet train-foot" });
    this.element = h("article", { class: "train-run" },
      h("header", { class: "train-run-head" }, h("div", { class: "train-run-title" }, this.name, this.pill), this.acts),
      this.away, this.state, this.bar, this.far,
      h("div", { class: "train-two" }, this.curve.element, this.figures),
      this.answers.element, this.foot);
  }

  /** What was asked for and has not come yet: here, in another window, or by a command. */
  get #asked() {
    return this.#wish ?? this.news?.asked ?? null;
  }

  get isLiving() {
    return LIVING.includes(this.news?.status);
  }

  /** Ask what the run has said since; returns whether anything was heard. */
  async ask() {
    const news = await this.page.ask("watch", { run: this.id, seen: this.seq });
    this.away.hidden = true;
    this.#take(news);
  }

  /** The studio does not answer; the run goes on without it. */
  lost() {
    this.away.hidden = false;
  }

  #take(news) {
    const was = this.news?.status;
    this.news = news;
    this.seq = news.seq;
    const isWhole = news.again || !this.#isDrawn || this.#points.total !== news.total;
    if (news.again || !this.#points) this.#points = empty();
    this.#keep(news);
    if (isWhole) this.curve.whole(news.total, this.#points, this.#points.checks);
    else this.curve.more(news.points, news.checks);
    this.#isDrawn = true;
    this.answers.take(news.samples, news.again);
    if (was && was !== news.status) this.#turned(news.status);
    this.#draw();
  }

  #keep({ points, checks, total }) {
    for (const name of GROWING) append(this.#points[name], points[name]);
    append(this.#points.checks.step, checks.step);
    append(this.#points.checks.loss, checks.loss);
    this.#points.total = total;
    this.#best = this.#points.checks.loss.reduce((best, loss) => (best === null || loss < best ? loss : best), null);
  }

  #turned(status) {
    this.#wish = null;
    announce("changed", { what: "run" });
  }

  #draw() {
    const { news, page } = this;
    const { say, language } = page;
    put(this.name, news.name);
    put(this.pill, say(`status_${news.status}`));
    this.pill.className = `s-pill ${PILLS[news.status] ?? ""}`;
    this.#drawState();
    const share = news.total ? news.step / news.total : 0;
    this.bar.firstChild.style.width = `${100 * share}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    this.bar.classList.toggle("train-still", !this.isLiving);
    put(this.far, this.#far());
    fill(this.figures, this.#facts().map(([name, value, term]) => h("div", {}, h("dt", {}, say(name), term && h("span", { class: "s-term" }, " ", say(term))), h("dd", {}, value))));
    put(this.foot, this.isLiving ? say("close_browser") : "");
    this.#drawActs();
    this.element.lang = language === "zh" ? "zh" : "en";
  }

  /** What the person has to know now; said anew only when it is another thing. */
  #drawState() {
    const { status, step, saved_step: saved, reason, erased_rows: erased } = this.news;
    const { say } = this.page;
    const asked = this.#asked && say(`asked_${this.#asked}`);
    const facts = { step: this.#count(step), saved: this.#count(saved) };
    const kind = status === "interrupted" && reason ? "failed" : status; // then it was not from outside
    const told = asked || (status === "running" ? "" : say(statusKey(kind, step, saved), facts));
    const gone = erased > 0 && say("is_erased", { n: this.#count(erased) });
    const sign = JSON.stringify([told, gone, reason]);
    if (this.state.dataset.sign === sign) return;
    this.state.dataset.sign = sign;
    fill(this.state,
      [told, gone].map((words) => words && h("p", { class: "s-text" }, words)),
      reason && h("div", { class: status === "waiting" ? "train-reason train-reason-soft" : "train-reason", role: "alert" },
        h("p", { class: "s-heading" }, reason.title), h("p", { class: "s-text" }, reason.text),
        h("details", {}, h("summary", { class: "s-quiet" }, say("details")), h("code", {}, reason.details))));
  }

  #far() {
    const { step, total, seconds_left: left, status } = this.news;
    if (!total) return "";
    const { say, language } = this.page;
    const epoch = this.#points.epoch.at(-1);
    return [
      say("update_of", { step: this.#count(step), total: this.#count(total) }),
      epoch !== undefined && say("pass_n", { n: decimal(epoch, 1, language) }),
      status === "running" && left !== null && say("left", { time: duration(left, language) }),
    ].filter(Boolean).join(say("comma"));
  }

  #facts() {
    const { news, page: { say, language } } = this;
    const { rows, check_rows: held, saved_step: saved, tokens_per_second: speed, memory_bytes: memory } = news;
    const loss = this.#points.loss.at(-1);
    return [
      loss !== undefined && ["fact_loss", decimal(loss, 2, language), "fact_loss_term"],
      this.#best !== null && ["fact_best", decimal(this.#best, 2, language), "fact_best_term"],
      speed !== null && this.isLiving && ["fact_speed", say("speed", { n: count(speed, language) })],
      memory > 0 && ["fact_memory", bytes(memory, language)],
      rows > 0 && ["fact_rows", say("rows_and_held", { rows: this.#count(rows), held: this.#count(held) })],
      ["fact_saved", saved > 0 ? say("after_update", { n: this.#count(saved) }) : say("not_yet")],
    ].filter(Boolean);
  }

  #count(n) {
    return count(n, this.page.language);
  }

  /** The buttons; made anew only when others are wanted, so that the focus stays. */
  #drawActs() {
    const { status, tuned_step: tuned, save_points: saved, erased_rows: erased } = this.news;
    const isBusy = status === "running" || status === "waiting";
    const canGoOn = CAN_RESUME.includes(status) && !erased;
    const names = [
      isBusy ? "pause" : canGoOn && "resume",
      (isBusy || canGoOn) && "stop",
      (tuned !== null || (!this.isLiving && saved.length > 0)) && "compare",
      !this.isLiving && "again",
    ].filter(Boolean);
    const sign = `${names} ${this.#asked}`;
    if (this.acts.dataset.sign === sign) return;
    this.acts.dataset.sign = sign;
    const hadFocus = this.acts.contains(document.activeElement);
    const first = names.find((name) => name === "resume") ?? "compare";
    fill(this.acts, names.map((name) => this.#act(name, name === first)));
    if (hadFocus) (this.acts.querySelector("button:enabled") ?? Object.assign(this.name, { tabIndex: -1 })).focus({ preventScroll: true });
  }

  #act(name, isFirst) {
    const { say } = this.page;
    const isFree = name === "compare" || (name === "stop" && this.#asked === "pause"); // minds change
    const waits = this.#asked !== null && !isFree;
    const kind = isFirst ? "s-button s-first" : "s-button";
    return h("button", { type: "button", class: kind, disabled: waits, title: waits ? say(`asked_${this.#asked}`) : say(`${name}_what`), onclick: () => this.#do(name) }, say(name));
  }

  async #do(name) {
    if (name === "again") return this.plan();
    if (name === "compare") return go(document.getElementById("place-compare") ? `compare/${this.id}` : "start");
    const { say } = this.page;
    if (name === "stop" && !(await confirm({ title: say("stop_title"), text: say("stop_text", { step: this.#count(this.news.step), total: this.#count(this.news.total) }), act: say("stop") }))) return undefined;
    this.#wish = name;
    this.#draw();
    try {
      await this.page.ask(name, { run: this.id });
      announce("changed", { what: "run" });
    } catch (error) {
      showCard(error);
    }
    this.#wish = null;
    return this.look();
  }
}

const PILLS = { finished: "s-ready", stopped: "s-ready", paused: "s-flagged", interrupted: "s-flagged", waiting: "s-flagged", failed: "s-danger", missing: "s-danger", running: "s-tuned", preparing: "s-tuned" };

/** The sentence of a status; of a run that broke off, by whether anything is lost. */
function statusKey(status, step, saved) {
  if (!LOST_SOME.includes(status)) return `is_${status}`;
  return saved === 0 ? `is_${status}_unsaved` : step <= saved ? `is_${status}_saved` : `is_${status}`;
}

function empty() {
  return { ...Object.fromEntries(GROWING.map((name) => [name, []])), checks: { step: [], loss: [] }, total: 0 };
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

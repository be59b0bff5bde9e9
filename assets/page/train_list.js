// The list of runs: opening one, laying curves over each other, renaming, throwing away.

import { announce } from "./bus.js";
import { fill, h } from "./dom.js";
import { isComposing } from "./keys.js";
import { showCard, toast } from "./notices.js";
import { count, decimal } from "./numbers.js";
import { Overlay } from "./train_curve.js";
import { LIVING } from "./train_run.js";

const SHORT_VERSION = 7;
const COLUMNS = ["overlay_column", "name", "status", "method", "version", "best", "created", "acts"];

/** `opened(run)` is called with the id of a run that the person wants to see. */
export class List {
  #ticked = new Set();
  #renaming = null;
  #shown = "";
  runs = [];

  constructor(page, { opened, changed }) {
    Object.assign(this, { page, opened, changed });
    this.body = h("tbody", {});
    this.overlay = new Overlay(page);
    this.element = h("section", { class: "train-runs", "aria-labelledby": "train-runs", hidden: true },
      h("h2", { class: "s-heading", id: "train-runs" }, page.say("runs")),
      h("p", { class: "s-quiet" }, page.say("runs_what")),
      h("table", {}, h("thead", {}, h("tr", {}, COLUMNS.map((name) => h("th", { scope: "col" }, h("span", { class: ["overlay_column", "acts"].includes(name) ? "s-hidden" : "" }, page.say(name)))))), this.body),
      this.overlay.element);
  }

  /** The list as it is now, with `open` marked. */
  show(runs, open) {
    this.runs = runs;
    this.open = open;
    this.element.hidden = runs.length === 0;
    const sign = JSON.stringify([runs, open, this.#renaming]);
    const isTyping = this.#renaming && runs.some(({ run }) => run === this.#renaming);
    if (isTyping || sign === this.#shown) return;
    this.#shown = sign;
    const focused = document.activeElement?.dataset?.act;
    fill(this.body, runs.map((run) => this.#row(run)));
    if (focused) this.body.querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.#overlay();
  }

  #row(run) {
    const { say, language } = this.page;
    const cell = (name, ...children) => h("td", { data: { name: say(name) } }, children);
    return h("tr", { class: run.run === this.open ? "train-open" : "", "aria-current": run.run === this.open ? "true" : null },
      h("td", { class: "train-tick" }, h("input", { type: "checkbox", checked: this.#ticked.has(run.run), disabled: !run.step, title: say(run.step ? "tick" : "tick_none"), "aria-label": say("tick_of", { name: run.name }), data: { act: `tick ${run.run}` }, onchange: (event) => this.#tick(run.run, event.target.checked) })),
      h("td", { class: "train-cell-name" }, this.#name(run)),
      cell("status", h("span", { class: `train-status train-is-${run.status}` }, say(`status_${run.status}`)), LIVING.includes(run.status) && run.total > 0 && h("span", { class: "s-quiet" }, " ", say("done_of", { done: count(run.step, language), total: count(run.total, language) }))),
      cell("method", run.method),
      cell("version", h("span", { class: "train-version", title: run.version }, h("span", { class: "notranslate", translate: "no" }, run.dataset), " · ", run.version.slice(0, SHORT_VERSION))),
      cell("best", run.best_check === null ? "–" : decimal(run.best_check, 2, language)),
      cell("created", new Date(run.created * 1000).toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "short" })),
      h("td", { class: "train-row-acts" }, this.#acts(run)));
  }

  #name(run) {
    if (this.#renaming === run.run) return this.#field(run);
    return h("button", { type: "button", class: "train-open-run notranslate", translate: "no", dir: "auto", data: { act: `open ${run.run}` }, onclick: () => this.opened(run.run) }, run.name);
  }

  #acts(run) {
    const { say } = this.page;
    const isLiving = LIVING.includes(run.status);
    return [
      h("button", { type: "button", class: "train-link", "aria-label": say("rename_of", { name: run.name }), data: { act: `rename ${run.run}` }, onclick: () => this.#rename(run.run) }, say("rename")),
      h("button", { type: "button", class: "train-link", disabled: isLiving, title: isLiving ? say("trash_living") : "", "aria-label": say("trash_of", { name: run.name }), data: { act: `trash ${run.run}` }, onclick: () => this.#trash(run) }, say("trash")),
    ];
  }

  #rename(run) {
    this.#renaming = run;
    this.#shown = "";
    fill(this.body, this.runs.map((one) => this.#row(one)));
    const field = this.body.querySelector(".train-rename");
    field.focus();
    field.select();
  }

  /** The name as a field: Enter and leaving keep it, Escape does not. */
  #field(run) {
    const keep = (name) => this.#keep(run, name);
    return h("input", {
      class: "s-input train-rename notranslate", type: "text", value: run.name, maxlength: "100", translate: "no", spellcheck: "false", autocomplete: "off", dir: "auto", "aria-label": this.page.say("name"),
      onkeydown: (event) => {
        if (isComposing(event)) return;
        if (event.key === "Enter") keep(event.target.value);
        if (event.key === "Escape") keep(run.name);
      },
      onblur: (event) => keep(event.target.value),
    });
  }

  async #keep(run, name) {
    if (this.#renaming !== run.run) return;
    this.#renaming = null;
    const isOther = name.trim() && name.trim() !== run.name;
    if (!isOther || !(await this.#doing("rename", { run: run.run, name: name.trim() }))) this.show(this.runs, this.open);
    this.body.querySelector(`[data-act="rename ${CSS.escape(run.run)}"]`)?.focus({ preventScroll: true });
  }

  async #trash(run) {
    const { say } = this.page;
    this.#ticked.delete(run.run);
    if (!(await this.#doing("trash", { run: run.run }))) return;
    toast(say("trashed", { name: run.name }), { text: say("undo"), act: () => this.#doing("restore", { run: run.run }) });
  }

  /** Ask for something; returns whether it was done. */
  async #doing(action, given) {
    try {
      await this.page.ask(action, given);
      announce("changed", { what: "run" });
      await this.changed();
      return true;
    } catch (error) {
      showCard(error);
      return false;
    }
  }

  #tick(run, isTicked) {
    if (isTicked) this.#ticked.add(run);
    else this.#ticked.delete(run);
    this.#overlay();
  }

  async #overlay() {
    const ids = this.runs.map(({ run }) => run).filter((run) => this.#ticked.has(run));
    try {
      const found = ids.length ? await this.page.ask("curves", { runs: ids }) : {};
      this.overlay.show(ids.filter((id) => found[id]).map((id) => found[id]));
    } catch (error) {
      showCard(error);
    }
  }
}

// What the bar says of model, rows, run, memory and of long work.

import { h } from "./dom.js";
import { showCard } from "./notices.js";
import { bytes, count, duration } from "./numbers.js";

const SHORT_VERSION = 7;
const MINUTE = 60;
const LONG = 3 * MINUTE; // seconds mean nothing any more

/** The line of facts. */
export function facts(page, { model, dataset, run, memory }) {
  return [
    fact(page.say("model"), model ? modelName(page, model) : page.say("none_yet")),
    fact(page.say("rows"), dataset ? rows(page, dataset) : page.say("none_yet")),
    run && fact(page.say("run"), living(page, run)),
    fact(page.say("memory"), page.say("memory_of", { used: bytes(memory.used_bytes, page.language), total: bytes(memory.total_bytes, page.language) }), "bar-memory"),
  ];
}

function fact(name, value, kind = "") {
  return h("span", { class: `bar-fact ${kind}` }, h("span", { class: "bar-name" }, name), value);
}

function modelName({ say }, model) {
  return h("span", { class: "notranslate bar-value" }, model.id === "starter" ? say("starter") : model.title);
}

function rows({ say, language }, dataset) {
  const reviewed = say("reviewed", { ready: count(dataset.status.ready ?? 0, language), rows: count(dataset.rows, language) });
  const version = h("span", { class: "bar-version", title: say("version", { version: dataset.version }) }, " · ", dataset.version.slice(0, SHORT_VERSION));
  return h("span", { class: "bar-value" }, h("span", { class: "notranslate" }, dataset.dataset), " · ", reviewed, version);
}

function living(page, run) {
  return h("span", { class: "bar-value" }, h("span", { class: "bar-run notranslate" }, run.name), " ", progress(run.step, run.total), " ", updates(page, run));
}

function updates(page, { step, total, seconds_left: seconds }) {
  const { say, language } = page;
  const done = total ? say("done_of", { done: count(step, language), total: count(total, language) }) : "";
  return [done, left(page, seconds)].filter(Boolean).join(" · ");
}

/** A thin progress bar; without a total it only says that something goes on. Words stand beside it. */
export function progress(done, total) {
  const share = total ? Math.min(1, done / total) : null;
  const bar = h("span", { class: "bar-progress", "aria-hidden": "true" }, h("span", {}));
  if (share === null) bar.classList.add("bar-unknown");
  bar.firstChild.style.width = share === null ? "" : `${share * 100}%`;
  return bar;
}

function left({ say, language }, seconds) {
  if (seconds === null || seconds === undefined) return "";
  const rounded = seconds < LONG ? seconds : MINUTE * Math.round(seconds / MINUTE);
  return say("left", { time: duration(rounded, language) });
}

/** One long work, with what ends it; a failed one with what leads to its card. */
export function task(page, one) {
  const { say, ask } = page;
  const name = say(`task_${one.kind}`);
  if (one.status === "failed") {
    const open = () => (showCard(one.card), ask("dismiss", { task: one.id }).catch(showCard));
    return h("div", { class: "bar-task", role: "alert" }, say("task_failed", { name }), h("button", { type: "button", class: "bar-link", onclick: open }, say("task_why")));
  }
  const cancel = () => ask("cancel", { task: one.id }).catch(showCard);
  return h("div", { class: "bar-task" },
    h("span", {}, name), progress(one.done, one.total),
    h("span", { class: "bar-amount" }, amount(page, one), " ", left(page, one.seconds_left)),
    h("button", { type: "button", class: "bar-link", onclick: cancel, "aria-label": say("cancel_task", { name }) }, say("cancel")),
  );
}

function amount({ say, language }, { done, total, unit, per_second: speed }) {
  if (!total) return "";
  if (unit !== "bytes") return say("done_of", { done: count(done, language), total: count(total, language) });
  const known = say("done_of", { done: bytes(done, language), total: bytes(total, language) });
  return speed ? `${known} · ${say("speed", { speed: bytes(speed, language) })}` : known;
}

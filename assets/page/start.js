// The start page: three doors, and what a person may rely on.

import { heard } from "./bus.js";
import { fill, h } from "./dom.js";
import { showCard } from "./notices.js";
import { count } from "./numbers.js";
import { go, here } from "./places.js";
import { released } from "./pointer.js";

export function mount(page) {
  const doors = h("div", { class: "start-doors" });
  fill(page.element, h("main", { class: "start" },
    h("h1", { class: "start-title" }, page.say("headline")),
    h("p", { class: "start-lead" }, page.say("lead")),
    doors,
    h("p", { class: "start-promise" }, h("strong", {}, page.say("promise")), " ", page.say("promise_what")),
    h("p", { class: "s-quiet" }, page.say("safety")),
  ));
  const always = opening(page);
  const look = () => here() === "start" && draw(page, doors, always);
  heard("changed", look);
  heard("moved", look);
  draw(page, doors, always);
}

/** All doors at once, so that none moves away from the pointer. */
async function draw(page, doors, always) {
  let back = null;
  try {
    back = going(page, await page.ask("unfinished"));
  } catch (error) {
    showCard(error);
  }
  await released();
  fill(doors, [back, ...always]);
}

function opening({ say }) {
  return [
    door({ name: "demo", title: say("demo_title"), text: say("demo_text"), act: say("demo_act"), onclick: () => go("demo") }),
    door({ name: "rows", title: say("rows_title"), text: say("rows_text"), act: say("rows_act"), onclick: () => go("data") }),
  ];
}

/** The door back to what the person was at; none where there is nothing yet. */
function going(page, { dataset, run, next }) {
  if (!dataset && !run) return null;
  const { say, language } = page;
  const place = document.getElementById(`place-${next.place}`) ? next.place : "data";
  const rows = dataset && say("continue_rows", { name: dataset.dataset, ready: count(dataset.status.ready ?? 0, language), rows: count(dataset.rows, language) });
  const last = run && say(`run_${run.status}`, { name: run.name, step: count(run.step, language), total: count(run.total, language) });
  return door({ name: "continue", title: say("continue_title"), text: [rows, last].filter(Boolean).join(language === "zh" ? "" : " "), act: say("continue_act"), onclick: () => go(place) });
}

function door({ name, title, text, act, onclick }) {
  const id = `door-${name}`;
  return h("button", { type: "button", class: "start-door", "aria-describedby": id, onclick },
    h("span", { class: "start-door-title" }, title),
    h("span", { class: "start-door-text", id }, text),
    h("span", { class: "start-door-act", "aria-hidden": "true" }, act),
  );
}

// The two-minute demo: one button, a curve that falls, then two answers side by side.

import { announce, heard } from "./bus.js";
import { lanes } from "./demo_ask.js";
import { curve } from "./demo_curve.js";
import { fill, h } from "./dom.js";
import { confirm, showCard, toast } from "./notices.js";
import { count, duration } from "./numbers.js";
import { here } from "./places.js";

const STAGES = ["preparing", "learning", "ready"];
const OFTEN = 400;
const SELDOM = 1500;

export function mount(page) {
  const body = h("div", { class: "demo-body" });
  const steps = h("ol", { class: "demo-steps" });
  const over = h("button", { type: "button", class: "s-button s-plain demo-over", hidden: true, onclick: () => startOver(page, look) }, page.say("over"));
  fill(page.element, h("main", { class: "demo" },
    h("div", { class: "demo-head" }, h("h1", { class: "s-title" }, page.say("title_demo")), over),
    h("p", { class: "demo-lead" }, page.say("lead")),
    steps, body,
  ));
  const parts = { page, body, steps, over, shown: {} };
  const look = watch(page, (state) => draw(parts, state, look));
}

/** Ask how far it is while the demo is before the person; `draw` says what to show. */
function watch(page, draw) {
  let waiting = 0;
  const look = async (known = null) => {
    clearTimeout(waiting);
    if (here() !== "demo" || document.hidden) return;
    const state = known ?? await page.ask("show").catch(failed);
    if (state) draw(state);
    waiting = setTimeout(look, state && isMoving(state) ? OFTEN : SELDOM);
  };
  heard("moved", () => look());
  document.addEventListener("visibilitychange", () => look());
  look();
  return look;
}

function failed(error) {
  showCard(error);
  return null;
}

function isMoving({ stage, answer }) {
  return stage === "preparing" || stage === "learning" || (answer !== null && !answer.done);
}

/** Each stage is laid out once and then only filled with what is new, so that typing survives. */
function draw(parts, state, look) {
  const { page, body, steps, over, shown } = parts;
  over.hidden = state.stage === "idle";
  fill(steps, STAGES.map((stage) => step(page, stage, state.stage)));
  if (shown.stage !== state.stage) {
    shown.stage = state.stage;
    shown.update = LAYOUTS[state.stage](page, body, look);
    if (state.stage === "ready") page.ask("warm").catch(showCard);
    announce("changed", { what: "rows" });
  }
  shown.update(state);
}

function step({ say }, stage, now) {
  const at = STAGES.indexOf(now);
  const mine = STAGES.indexOf(stage);
  const kind = mine < at ? "demo-past" : mine === at ? "demo-now" : "";
  return h("li", { class: kind, "aria-current": mine === at ? "step" : null }, say(`stage_${stage}`));
}

const LAYOUTS = { idle, preparing, learning, ready: lanes, stuck };

function idle(page, body, look) {
  const { say, ask } = page;
  const button = h("button", { type: "button", class: "s-button s-first demo-begin", onclick: begin }, say("begin"));
  async function begin() {
    button.disabled = true;
    try {
      look(await ask("begin"));
    } catch (error) {
      button.disabled = false;
      showCard(error);
    }
  }
  fill(body, h("div", { class: "demo-idle" },
    h("dl", { class: "demo-facts" }, ["model", "rows", "way", "place"].map((fact) => h("div", {}, h("dt", {}, say(`fact_${fact}`)), h("dd", {}, say(`fact_${fact}_is`))))),
    button, h("p", { class: "s-quiet" }, say("begin_what")),
  ));
  return () => {};
}

function preparing(page, body) {
  const { say, language } = page;
  const line = h("p", { class: "s-quiet", "aria-live": "polite" });
  const bar = h("div", {});
  fill(body, h("div", { class: "demo-two" },
    h("section", {}, h("h2", { class: "s-heading" }, say("preparing")), h("div", { class: "s-progress demo-bar" }, bar), line),
    lesson(page),
  ));
  return ({ progress }) => {
    const share = progress?.total ? progress.done / progress.total : 0;
    bar.style.width = `${Math.round(100 * share)}%`;
    const left = progress?.seconds_left;
    const text = left ? say("left", { time: duration(left, language) }) : say("preparing_what");
    if (line.textContent !== text) line.textContent = text;
  };
}

function learning(page, body) {
  const { say, language } = page;
  const drawing = curve(page);
  const line = h("p", { class: "s-quiet", "aria-live": "polite" });
  fill(body, h("div", { class: "demo-two" },
    h("section", {}, h("h2", { class: "s-heading" }, say("curve"), " ", h("span", { class: "s-term" }, say("curve_term"))), drawing.element, line),
    lesson(page),
  ));
  return ({ run }) => {
    drawing.update(run.loss, run.total);
    const far = { step: count(run.step, language), total: count(run.total, language) };
    const text = run.step === 0 ? say("loading")
      : run.seconds_left === null ? say("step_far", far)
      : say("step_of", { ...far, time: duration(run.seconds_left, language) });
    if (line.textContent !== text) line.textContent = text;
  };
}

/** One of the rows that it learns from, another every few seconds. */
function lesson({ ask, say }) {
  const prompt = h("p", { class: "demo-prompt notranslate", translate: "no" });
  const response = h("p", { class: "demo-response notranslate", translate: "no" });
  const card = h("section", { class: "demo-lesson" }, h("h2", { class: "s-term" }, say("lesson")), prompt, response);
  ask("lessons").then((rows) => turn(rows, 0), showCard);
  function turn(rows, at) {
    const row = rows[at % rows.length];
    prompt.textContent = row.prompt;
    response.textContent = row.response;
    setTimeout(() => card.isConnected && turn(rows, at + 1), 7000);
  }
  return card;
}

function stuck(page, body, look) {
  const text = h("p", { class: "s-text" });
  const again = h("button", { type: "button", class: "s-button s-first", onclick: () => startOver(page, look, false) }, page.say("over"));
  fill(body, h("section", { class: "demo-stuck", role: "alert" }, h("h2", { class: "s-heading" }, page.say("stuck")), text, again));
  return ({ problem }) => {
    text.textContent = problem?.text ?? page.say("stuck_what");
  };
}

async function startOver({ ask, say }, look, asks = true) {
  const isWanted = !asks || (await confirm({ title: say("over_title"), text: say("over_text"), act: say("over") }));
  if (!isWanted) return;
  try {
    look(await ask("reset"));
    toast(say("over_done"));
  } catch (error) {
    showCard(error);
  }
}

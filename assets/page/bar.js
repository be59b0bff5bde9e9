// The bar: where one is, what is in hand, what goes on, and the one next step.

import { announce, heard } from "./bus.js";
import { facts, task } from "./bar_facts.js";
import { fill, h } from "./dom.js";
import { register, showMap } from "./keys.js";
import { showCard, toast } from "./notices.js";
import { count } from "./numbers.js";
import { go, here } from "./places.js";
import { released } from "./pointer.js";
import { cycleTheme, shownTheme } from "./theme_choice.js";

const PLACES = ["model", "data", "method", "train", "compare"];
const OTHER_LANGUAGE = { en: "zh", zh: "en" };
const PAUSE = 1500;

export function mount(page) {
  const { element, say, language } = page;
  const places = PLACES.filter(isThere);
  const nav = h("nav", { class: "bar-places", "aria-label": say("places") }, places.map((place) => placeLink(place, say)));
  const next = h("div", { class: "bar-next" });
  const line = h("div", { class: "bar-facts", "aria-live": "off" });
  const news = h("div", { class: "bar-news" });
  fill(element, h("header", { class: "bar" },
    h("a", { class: "s-button s-skip", href: `#${here()}`, onclick: skip }, say("skip")),
    h("div", { class: "bar-top" }, brand(say), nav, next, tools(say, language)),
    line, news,
  ));
  markPlace(nav);
  window.addEventListener("hashchange", () => markPlace(nav));
  places.forEach((place, at) => register({ key: String(at + 1), describe: say("key_place", { place: say(`place_${place}`) }), act: () => go(place) }));
  watch(page, { next, line, news });
}

function isThere(place) {
  return document.getElementById(`place-${place}`) !== null;
}

function brand(say) {
  return h("a", { class: "bar-brand", href: "#", onclick: moving("start") }, h("span", { class: "bar-mark", "aria-hidden": "true" }), say("title"));
}

function placeLink(place, say) {
  return h("a", { href: `#${place}`, data: { place }, onclick: moving(place) }, say(`place_${place}`));
}

function moving(place) {
  return (event) => {
    event.preventDefault();
    go(place);
  };
}

function skip(event) {
  event.preventDefault();
  const title = document.querySelector(`#place-${here()} :is(h1, h2)`);
  if (title) Object.assign(title, { tabIndex: -1 }).focus();
}

function markPlace(nav) {
  for (const link of nav.children) {
    if (link.dataset.place === here()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function tools(say, language) {
  const theme = h("button", { type: "button", class: "bar-tool bar-theme", onclick: () => (cycleTheme(), name()) });
  const name = () => {
    const words = { system: say("theme_system"), light: say("theme_light"), dark: say("theme_dark") };
    theme.title = words[shownTheme()];
    theme.setAttribute("aria-label", theme.title);
  };
  name();
  const other = OTHER_LANGUAGE[language];
  return h("div", { class: "bar-tools" },
    theme,
    h("a", { class: "bar-tool", href: `/language?to=${other}`, onclick: stayHere, lang: other, hreflang: other }, say("other_language")),
    h("button", { type: "button", class: "bar-tool", title: say("keys"), "aria-label": say("keys"), onclick: showMap }, "?"),
  );
}

/** The place goes along with the link: what leads back from there keeps it. */
function stayHere(event) {
  event.currentTarget.hash = location.hash;
}

/** Ask the server how things are while the page is seen, and at once after a change. */
function watch(page, slots) {
  let last = null;
  let waiting = 0;
  const look = async () => {
    clearTimeout(waiting);
    if (!document.hidden) last = await update(page, slots, last);
    waiting = setTimeout(look, PAUSE);
  };
  document.addEventListener("visibilitychange", () => document.hidden || look());
  heard("changed", (detail) => detail.by !== "bar" && look());
  look();
}

async function update(page, slots, last) {
  let status;
  try {
    status = await page.ask("status");
  } catch (error) {
    if (error.name === "Unreachable") return stopped(page, slots, last);
    showCard(error);
    return last;
  }
  await released();
  if (last?.isStopped) toast(page.say("back"));
  draw(page, slots, status);
  tell(last, status);
  return { status, signs: signs(status) };
}

function stopped({ say }, slots, last) {
  if (!last?.isStopped) {
    fill(slots.news, h("div", { class: "bar-stopped", role: "alert" }, h("strong", {}, say("stopped")), " ", say("stopped_what")));
  }
  return { ...last, isStopped: true };
}

function draw(page, slots, status) {
  renew(slots.next, nextStep(page, status.next));
  fill(slots.line, facts(page, status));
  const shown = status.tasks.filter((one) => one.status === "running" || one.status === "failed");
  renew(slots.news, shown.map((one) => task(page, one)));
}

/** Fill a slot anew; who has come to one of its buttons by keyboard stays there. */
function renew(slot, ...children) {
  const at = [...slot.querySelectorAll("a, button")].indexOf(document.activeElement);
  fill(slot, ...children);
  if (at >= 0) slot.querySelectorAll("a, button")[at]?.focus({ preventScroll: true });
}

/** The next step; the one after it for who is at its place already. */
function nextStep(page, { key, place, facts, then }) {
  if (then && (place === here() || !isThere(place))) return nextStep(page, then);
  if (!isThere(place)) return null;
  const { say, language } = page;
  const shown = Object.fromEntries(Object.entries(facts).map(([name, n]) => [name, count(n, language)]));
  return h("a", { class: "bar-step", href: `#${place}`, onclick: moving(place) }, h("span", { class: "bar-step-word" }, say("next")), say(key, shown));
}

/** Tell the other parts what differs from the last answer: another tab or a command changed it. */
function tell(last, status) {
  if (!last?.signs) return;
  const now = signs(status);
  for (const what of Object.keys(now)) {
    if (now[what] !== last.signs[what]) announce("changed", { what, by: "bar" });
  }
}

function signs({ model, dataset, datasets, mark, tasks, latest, run, runs, method }) {
  return {
    run: [runs, latest?.run, latest?.status, latest?.name, run?.run, run?.status].join(" "),
    model: model?.id ?? "",
    method: JSON.stringify(method),
    dataset: `${dataset?.id} ${dataset?.dataset} ${datasets}`,
    rows: `${mark} ${dataset?.version}`,
    tasks: JSON.stringify(tasks.map((one) => [one.id, one.status])),
  };
}

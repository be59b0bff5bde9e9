// The ways to tune: the one to start with as a card, the others one click away.

import { h } from "./dom.js";
import { share } from "./numbers.js";
import { values } from "./method_figures.js";

/** `chosen` is the id of the method in use, `counted` what is known of each, by id; `unfolded.id` is the one that is read. */
export function drawList(page, [first, ...others], { chosen, counted, choose, unfolded }) {
  const { say } = page;
  const state = (form) => ({ isChosen: form.id === chosen, answer: counted.get(form.id), choose: () => choose(form.id) });
  return [
    card(page, first, state(first)),
    h("h2", { class: "s-heading method-others" }, say("others")),
    others.map((form) => row(page, form, { ...state(form), isOpen: form.id === unfolded.id, opened: (is) => mark(unfolded, form.id, is) })),
  ];
}

function mark(unfolded, id, isOpen) {
  if (isOpen) unfolded.id = id;
  else if (unfolded.id === id) unfolded.id = null;
}

function card(page, form, state) {
  return h("article", { class: state.isChosen ? "s-card method-start method-chosen" : "s-card method-start" },
    h("span", { class: "s-pill s-tuned" }, page.say("start_here")),
    h("h2", { class: "method-title" }, form.name),
    h("p", { class: "s-text" }, form.when),
    h("p", { class: "s-quiet" }, sentences(page, form.what, form.cost)),
    act(page, form, state),
  );
}

function row(page, form, state) {
  const { isChosen, isOpen, opened } = state;
  return h("details", { class: isChosen ? "method-row method-chosen" : "method-row", name: "method-row", open: isOpen, ontoggle: (event) => opened(event.target.open), data: { method: form.id } },
    h("summary", {}, h("span", { class: "method-row-name" }, form.name), aside(page, state)),
    h("div", { class: "method-row-more" }, h("p", { class: "s-text" }, sentences(page, form.what, form.when, form.cost)), act(page, form, state)),
  );
}

function aside(page, { isChosen, answer }) {
  if (isChosen) return h("span", { class: "s-pill s-ready" }, page.say("in_use"));
  if (whyNot(answer)) return h("span", { class: "s-pill" }, page.say("not_here"));
  const cost = answer?.cost;
  return cost && h("span", { class: "s-term" }, `${values(cost.trainable, page.language)} · ${share(cost.share, page.language)}`);
}

function act(page, form, { isChosen, answer, choose }) {
  const why = whyNot(answer);
  if (isChosen) return [h("p", { class: "method-used" }, page.say("in_use")), why && h("p", { class: "s-quiet" }, why)];
  return [
    h("button", { type: "button", class: "s-button", disabled: Boolean(why), title: why, onclick: choose, data: { act: `use ${form.id}` } }, page.say("use")),
    why && h("p", { class: "s-quiet" }, why),
  ];
}

/** Why a method cannot be used here whatever its settings; null where it can. */
function whyNot(answer) {
  return answer?.problems.find((problem) => problem.knob === null)?.text ?? null;
}

function sentences({ language }, ...all) {
  return all.join(language === "zh" ? "" : " ");
}

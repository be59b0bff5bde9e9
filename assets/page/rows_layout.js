// How the Data tab is laid out: the head line, then the list and the open row side by side. It fills
// the window below the bar, whose height changes with what it has to say.

import { heard } from "./bus.js";
import { fill, h } from "./dom.js";

/** Put the parts of `desk` in their places; returns those that it shows and hides: `body`, `welcome`. */
export function lay(desk) {
  const { say, element } = desk;
  const add = h("button", { type: "button", class: "s-button", onclick: () => desk.acts.add() }, `+ ${say("add")}`);
  const list = h("section", { class: "rows-list", "aria-label": say("list") },
    desk.find.element, desk.sweep.element, desk.list.element, h("div", { class: "rows-list-foot" }, desk.pager.element, add));
  const body = h("div", { class: "rows-body", data: { screen: "list" } }, list, desk.editor.whole);
  const welcome = h("div", { class: "rows-welcome" });
  fill(element, h("div", { class: "rows" }, desk.head.element, desk.waiting.element, body, welcome));
  fitBelow(element);
  return { body, welcome };
}

/** Tell the style sheet where `element` begins, now and whenever that changes. */
function fitBelow(element) {
  const fit = () => element.style.setProperty("--rows-top", `${Math.round(element.getBoundingClientRect().top + window.scrollY)}px`);
  for (const one of [document.body, element]) new ResizeObserver(fit).observe(one);
  heard("moved", fit);
  fit();
}

// The curve of the demo: how far the model's words are from the rows', one point an update.

import { svg } from "./dom.js";
import { decimal } from "./numbers.js";

const WIDTH = 640;
const HEIGHT = 300;
const EDGE = { left: 34, right: 52, top: 16, bottom: 28 };

/** `{element, update(losses, total)}`. The axis begins at zero, so that no fall looks larger than it is. */
export function curve({ say, language }) {
  const line = svg("path", { class: "demo-line" });
  const dot = svg("circle", { class: "demo-dot", r: 5 });
  const value = svg("text", { class: "demo-value", dy: "0.35em" });
  const ground = svg("path", { class: "demo-ground", d: `M${EDGE.left} ${y(0, 1)}H${WIDTH - EDGE.right}` });
  const rules = svg("g", { class: "demo-rules" });
  const first = svg("text", { class: "demo-axis", x: EDGE.left, y: HEIGHT - 6 }, say("axis_start"));
  const last = svg("text", { class: "demo-axis", x: WIDTH - EDGE.right, y: HEIGHT - 6, "text-anchor": "end" }, say("axis_end"));
  const element = svg("svg", { class: "demo-curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": say("curve") }, rules, ground, line, dot, value, first, last);
  return { element, update };

  function update(losses, total) {
    const top = Math.max(1, Math.ceil(Math.max(0, ...losses)));
    rules.replaceChildren(...ruled(top, language));
    const points = losses.map((loss, at) => [x(at, total), y(loss, top)]);
    line.setAttribute("d", points.map(([left, up], at) => `${at ? "L" : "M"}${left} ${up}`).join(""));
    const end = points.at(-1);
    for (const part of [dot, value]) part.style.display = end ? "" : "none";
    if (!end) return;
    dot.setAttribute("cx", end[0]);
    dot.setAttribute("cy", end[1]);
    value.setAttribute("x", end[0] + 11);
    value.setAttribute("y", end[1]);
    value.textContent = decimal(losses.at(-1), 1, language);
    element.setAttribute("aria-label", `${say("curve")}: ${value.textContent}`);
  }
}

function ruled(top, language) {
  return Array.from({ length: top }, (_, at) => at + 1).flatMap((height) => [
    svg("path", { d: `M${EDGE.left} ${y(height, top)}H${WIDTH - EDGE.right}` }),
    svg("text", { class: "demo-axis", x: EDGE.left - 10, y: y(height, top), dy: "0.35em", "text-anchor": "end" }, decimal(height, 0, language)),
  ]);
}

function x(at, total) {
  const width = WIDTH - EDGE.left - EDGE.right;
  return EDGE.left + (width * at) / Math.max(1, total - 1);
}

function y(loss, top) {
  const height = HEIGHT - EDGE.top - EDGE.bottom;
  return EDGE.top + height * (1 - Math.min(loss, top) / top);
}

// Two windows have written on one row: both texts side by side, and what is to be kept below them.

import { fill, h } from "./dom.js";
import { isAlike, parts, withPart } from "./rows_body.js";
import { PRIVATE } from "./rows_field.js";

/**
 * A row as two windows have it, `mine` and `theirs`. `merged` holds by part what is to be kept, as
 * far as the person has gone; `resolve(fields)` saves what was decided.
 */
export function conflictView({ say, mine, theirs, merged, resolve }) {
  const questions = isAlike(mine, theirs) ? sideBySide(say, mine, theirs, merged) : [asWhole(say, mine, theirs, merged)];
  const undisputed = { body: mine.body, notes: mine.notes };
  const save = () => resolve(questions.reduce((fields, question) => question.apply(fields), undisputed));
  return h("section", { class: "rows-conflict" },
    h("h3", { class: "s-heading" }, say("conflict_title")),
    h("p", { class: "s-text" }, say("conflict_text")),
    questions.map((question) => question.element),
    h("div", { class: "rows-acts" }, h("button", { type: "button", class: "s-button s-first", onclick: save }, say("conflict_save"))));
}

function sideBySide(say, mine, theirs, merged) {
  const others = new Map(parts(theirs).map((part) => [part.name, part.text]));
  return parts(mine)
    .filter((part) => part.name !== "tags" && others.get(part.name) !== part.text)
    .map((part) => onePart(say, part, others.get(part.name), merged));
}

/** One text that differs: yours, theirs, and a field for what is kept, to choose or to merge by hand. */
function onePart(say, { name, role, number, text }, theirs, merged) {
  const label = number ? say("numbered", { name: say(`role_${role}`), number }) : say(`role_${role}`);
  const wanted = () => merged.get(name) ?? text;
  const kept = h("textarea", {
    ...PRIVATE, class: "s-input notranslate rows-input", rows: 4, "aria-label": say("conflict_kept"), oninput: () => merged.set(name, kept.value),
  });
  kept.value = wanted();
  const take = (side) => {
    merged.set(name, side);
    kept.value = side;
  };
  const side = (title, side) => h("div", { class: "rows-side" },
    h("span", { class: "rows-label" }, title),
    reading(side),
    h("button", { type: "button", class: "s-button", onclick: () => take(side) }, say("conflict_take")));
  const element = h("div", { class: "rows-clash" },
    h("h4", { class: "rows-label" }, label),
    h("div", { class: "rows-sides" }, side(say("conflict_yours"), text), side(say("conflict_theirs"), theirs)),
    h("label", { class: "s-field" }, h("span", {}, say("conflict_kept")), kept));
  return { element, apply: (fields) => withPart(fields, name, wanted()) };
}

/** Conversations of different shapes are taken as a whole. */
function asWhole(say, mine, theirs, merged) {
  const wanted = () => merged.get("whole") ?? mine;
  const name = `conflict-${mine.id}`;
  const side = (title, row) => h("label", { class: "rows-side" },
    h("span", { class: "rows-label" }, h("input", { type: "radio", name, checked: row === wanted(), onchange: () => merged.set("whole", row) }), " ", title),
    parts(row).filter((part) => part.text).map((part) => [h("span", { class: "s-term" }, say(`role_${part.role}`)), reading(part.text)]));
  const element = h("div", { class: "rows-sides" }, side(say("conflict_yours"), mine), side(say("conflict_theirs"), theirs));
  return { element, apply: (fields) => ({ ...fields, body: wanted().body, notes: wanted().notes }) };
}

function reading(text) {
  const most = 20_000;
  const box = h("div", { class: "rows-reading notranslate", translate: "no", dir: "auto", tabindex: "0" });
  return fill(box, text.length > most ? `${text.slice(0, most)}…` : text || "—");
}

// What the Data tab says where there is nothing to show, and what can be done about it.

import { h } from "./dom.js";
import { importFile } from "./rows_files.js";
import { EVERYTHING } from "./rows_find.js";

/** Where there is no dataset yet. */
export function welcome(desk) {
  const { say } = desk;
  return saying(say("welcome_title"), say("welcome_text"),
    act(say("import"), () => importFile(desk), "s-first"),
    act(say("dataset_new"), () => desk.head.askNew()));
}

/** Where the list is empty: a new dataset, an empty trash, or a search that finds nothing. */
export function nothingHere(desk) {
  const { say, query, page } = desk;
  if (query.trashed && !query.search) return saying(say("trash_empty"), say("trash_empty_text"), act(say("show_all_rows"), () => desk.look(EVERYTHING)));
  if (page.counts.rows > 0 || query.search) return saying(say("nothing_found"), say("nothing_found_text"), act(say("show_all_rows"), () => desk.look(EVERYTHING)));
  return saying(say("no_rows"), say("no_rows_text"),
    act(`+ ${say("add")}`, () => desk.acts.add(), "s-first"),
    act(say("import"), () => importFile(desk)));
}

function saying(title, text, ...acts) {
  return h("div", { class: "rows-nothing" },
    h("h3", { class: "s-title" }, title), h("p", { class: "s-text" }, text), h("div", { class: "rows-nothing-acts" }, acts));
}

function act(text, does, kind = "") {
  return h("button", { type: "button", class: `s-button ${kind}`, onclick: does }, text);
}

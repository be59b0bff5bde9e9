// Places in the rows that may name a person, for a person to look at. Nothing is changed here.

import { announce } from "./bus.js";
import { fill, h } from "./dom.js";
import { showCard } from "./notices.js";
import { count } from "./numbers.js";

const MOST = 200;

/** Show what was found in `dataset`, from its row of number `first` on; a click on a place opens its row. */
export async function showFindings({ ask, say, language, dataset, first = 1 }) {
  const body = h("div", { class: "privacy-body" }, h("p", { class: "s-quiet", role: "status" }, say("privacy_looking")));
  const close = () => shown.close();
  const shown = h("dialog", { class: "s-dialog privacy", "aria-labelledby": "privacy-title" },
    h("h2", { class: "s-title", id: "privacy-title" }, say("privacy_title")),
    body,
    h("p", { class: "s-quiet" }, say("privacy_limits")),
    h("div", { class: "s-dialog-acts" }, h("button", { type: "button", class: "s-button", autofocus: true, onclick: close }, say("close"))));
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
  try {
    const found = await ask("findings", { dataset, first });
    fill(body, found.length ? groups(found, say, language, close) : h("p", { class: "s-text" }, say("privacy_none")));
  } catch (error) {
    close();
    showCard(error);
  }
}

function groups(found, say, language, close) {
  return [...Map.groupBy(found, (one) => one.check)].map(([check, places], place) =>
    h("details", { open: place === 0 },
      h("summary", {}, say(`privacy_${check}`), " ", h("span", { class: "s-pill" }, count(places.length, language))),
      h("ul", {}, places.slice(0, MOST).map((one) => line(one, say, close))),
      places.length > MOST && h("p", { class: "s-quiet" }, say("import_and_more", { count: count(places.length - MOST, language) }))));
}

function line({ row, number, before, found, after }, say, close) {
  const open = () => {
    close();
    announce("open-row", { row });
  };
  return h("li", {}, h("button", { type: "button", class: "privacy-place", onclick: open },
    h("span", { class: "s-pill" }, say("privacy_row", { number })),
    h("bdi", { class: "notranslate", translate: "no", dir: "auto" }, before, h("mark", {}, found), after)));
}

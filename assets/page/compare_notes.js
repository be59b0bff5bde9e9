// What stands in the way of an answer, and what an answer leaves in memory.

import { fill, h } from "./dom.js";
import { showCard } from "./notices.js";
import { go } from "./places.js";

/** Nothing can answer yet. */
export function nothing({ say }) {
  return h("section", { class: "s-card compare-nothing" },
    h("h2", { class: "s-heading" }, say("nothing")),
    h("p", { class: "s-text" }, say("nothing_what")),
    h("div", { class: "compare-acts" },
      h("button", { type: "button", class: "s-button s-first", onclick: () => go("train") }, say("to_train")),
      h("button", { type: "button", class: "s-button s-plain", onclick: () => go("demo") }, say("to_demo")),
    ),
  );
}

/** Who has the machine, and what can be done about it; drawn anew only where it is another. */
export function busyNote(page, place, busy) {
  const sign = JSON.stringify(busy);
  if (place.dataset.sign === sign) return;
  place.dataset.sign = sign;
  fill(place, busy && note(page, busy));
}

function note({ say, ask }, { purpose, run, name }) {
  if (purpose !== "train") return h("div", { class: "compare-busy" }, h("p", { class: "s-text" }, say("busy_other")));
  const pause = h("button", { type: "button", class: "s-button", onclick: stand }, say("pause"));
  async function stand() {
    pause.disabled = true;
    pause.textContent = say("pausing");
    try {
      await ask("pause", { run });
    } catch (error) {
      pause.disabled = false;
      pause.textContent = say("pause");
      showCard(error);
    }
  }
  return h("div", { class: "compare-busy" },
    h("p", { class: "s-text" }, say("busy_train", { name })),
    h("div", { class: "compare-acts" }, pause, h("button", { type: "button", class: "s-button s-plain", onclick: () => go(`train/${run}`) }, say("see_training"))),
  );
}

/** That a model is in memory, and how it is given back. */
export function heldNote({ say, ask }, place, held) {
  const sign = held ? held.run : "";
  if (place.dataset.sign === sign) return;
  place.dataset.sign = sign;
  const rest = () => ask("rest").catch(showCard);
  fill(place, held && [
    h("p", { class: "s-quiet" }, say("held", { model: held.base })),
    h("button", { type: "button", class: "s-button s-plain", onclick: rest }, say("give_back")),
  ]);
}

// What the page tells the person beside its places: short toasts, and the one card of an error.

import { h } from "./dom.js";
import { say } from "./words.js";

export { confirm } from "./dialogs.js";

const TOAST_SECONDS = 6;
const MOST_CARDS = 3;

/** Say `text` for a few seconds; `act` = {text, act} adds one button, such as Undo. */
export function toast(text, act = null) {
  const close = () => shown.remove();
  const button = act && h("button", { type: "button", class: "s-button s-plain", onclick: () => (close(), act.act()) }, act.text);
  const shown = h("div", { class: "s-toast" }, h("span", {}, text), button);
  corner("s-toasts", "status").append(shown);
  setTimeout(close, TOAST_SECONDS * 1000);
}

/**
 * Show an error: `card` of ask.js, or anything thrown. A server that does not answer is the bar's
 * to say, so `Unreachable` shows nothing here.
 */
export function showCard(card) {
  if (card?.name === "Unreachable") return;
  if (!card?.title) console.error(card);
  const told = card?.title ? card : broken(card);
  const cards = corner("s-cards", "region");
  if ([...cards.children].some((one) => one.dataset.says === says(told))) return; // it stands there already
  const shown = drawn(told);
  cards.setAttribute("aria-label", say("errors"));
  cards.prepend(shown);
  while (cards.children.length > MOST_CARDS) cards.lastChild.remove();
  shown.querySelector("button").focus({ preventScroll: true });
}

function says({ title, text }) {
  return `${title}\n${text}`;
}

function broken(error) {
  return { title: say("broke_title"), text: say("broke_text"), details: String(error) };
}

function drawn(card) {
  const close = () => shown.remove();
  const shown = h("section", { class: "s-error", role: "alert", data: { says: says(card) } },
    h("h2", { class: "s-heading" }, card.title),
    h("p", { class: "s-text notranslate", translate: "no", dir: "auto" }, card.text), // it may name a file, a column, a row's text
    card.details && h("details", {}, h("summary", {}, say("details")), h("code", { class: "notranslate", translate: "no", dir: "auto" }, card.details)),
    h("button", { type: "button", class: "s-button", onclick: close }, say("close")),
  );
  shown.addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && close());
  return shown;
}

/**
 * The corner that holds such notices; made when first needed. An open dialog makes the rest of the
 * page unreachable, so it gets a corner of its own.
 */
function corner(name, role) {
  const home = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  const found = home.querySelector(`:scope > .${name}`);
  if (found) return found;
  const made = h("div", { class: name, role });
  home.append(made);
  return made;
}

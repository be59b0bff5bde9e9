// Dialogs: the browser's own <dialog>, which keeps the focus inside and closes with Esc.

import { h } from "./dom.js";
import { say } from "./words.js";

/** Show `body` under `title`; `close` is the word on its button. Returns the dialog. */
export function dialog({ title, body, close, role = "dialog" }) {
  const shown = open(title, role, [body, h("div", { class: "s-dialog-acts" }, closing(close))]);
  return shown;
}

/**
 * Ask before something that matters; resolves to whether the person wants it. The focus lies on
 * the button that does nothing, so that Enter by habit harms nobody.
 */
export function confirm({ title, text, act, danger = false, body = null }) {
  return new Promise((resolve) => {
    const doing = h("button", {
      type: "button",
      class: danger ? "s-button s-danger" : "s-button s-first",
      onclick: () => shown.close("act"),
    }, act);
    const acts = h("div", { class: "s-dialog-acts" }, closing(say("cancel")), doing);
    const shown = open(title, "alertdialog", [h("p", { class: "s-text" }, text), body, acts]);
    shown.addEventListener("close", () => resolve(shown.returnValue === "act"));
  });
}

function open(title, role, children) {
  const heading = h("h2", { class: "s-heading", id: `dialog-${crypto.getRandomValues(new Uint32Array(1))[0]}` }, title);
  const made = h("dialog", { class: "s-dialog", role, "aria-labelledby": heading.id }, heading, children);
  made.addEventListener("close", () => made.remove());
  made.addEventListener("click", (event) => event.target === made && made.close());
  document.body.append(made);
  made.showModal();
  return made;
}

function closing(word) {
  return h("button", {
    type: "button",
    class: "s-button",
    autofocus: true,
    onclick: (event) => event.currentTarget.closest("dialog").close(),
  }, word);
}

// A small menu below a button: the browser's own popover, which closes with Esc or a click beside.

import { fill, h } from "./dom.js";

/**
 * A button that opens a menu. `entries()` gives its lines when it opens: {text, act, note?, danger?,
 * current?}, or null for a rule between them. `label` is the button's content, `name` what it is
 * called where that is only a sign.
 */
export function menuButton({ label, title = null, name = null, kind = "s-button", entries }) {
  const list = h("div", { class: "rows-menu", role: "menu", popover: "auto" });
  const button = h("button", { type: "button", class: kind, title: title ?? name, "aria-label": name, "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => list.togglePopover() }, label);
  list.addEventListener("beforetoggle", (event) => event.newState === "open" && fill(list, entries().map((entry) => line(entry, list))));
  list.addEventListener("toggle", (event) => {
    const isOpen = event.newState === "open";
    button.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) return;
    place(list, button);
    lines(list)[0]?.focus();
  });
  list.addEventListener("keydown", (event) => move(event, list));
  return { button, element: h("span", { class: "rows-menu-home" }, button, list) };
}

function line(entry, list) {
  if (!entry) return h("hr", { class: "rows-rule" });
  const act = () => {
    list.hidePopover();
    entry.act();
  };
  const isChoice = "current" in entry;
  return h("button", {
    type: "button",
    class: entry.danger ? "rows-menu-line s-danger" : "rows-menu-line",
    role: isChoice ? "menuitemradio" : "menuitem",
    "aria-checked": isChoice ? String(entry.current) : null,
    onclick: act,
  }, h("span", { class: "notranslate", translate: "no", dir: "auto" }, entry.text), entry.note && h("span", { class: "s-term" }, entry.note));
}

function place(list, button) {
  const at = button.getBoundingClientRect();
  const left = Math.min(at.left, window.innerWidth - list.offsetWidth - 8);
  const fits = at.bottom + 4 + list.offsetHeight <= window.innerHeight;
  list.style.left = `${Math.max(8, left)}px`;
  list.style.top = `${Math.max(8, fits ? at.bottom + 4 : at.top - 4 - list.offsetHeight)}px`;
}

function lines(list) {
  return [...list.querySelectorAll(".rows-menu-line")];
}

function move(event, list) {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (!(event.key in steps) || event.isComposing) return;
  event.preventDefault();
  event.stopPropagation();
  const all = lines(list);
  const at = all.indexOf(document.activeElement);
  all.at((at + steps[event.key] + all.length) % all.length).focus();
}

// The keyboard: one map of all shortcuts, which `?` shows.
//
// A letter never fires while someone types into a field, and nothing fires while an input method
// composes: Enter then chooses a word and must not save a row.

import { h } from "./dom.js";
import { dialog } from "./dialogs.js";
import { here } from "./places.js";
import { say } from "./words.js";

const shortcuts = new Set();

/**
 * Let `key` (as in KeyboardEvent.key; with Ctrl or ⌘ where `ctrl`) call `act(event)`.
 * `describe` is the sentence in the map; `place` limits it to one place. Returns what removes it.
 */
export function register({ key, ctrl = false, describe, act, place = null }) {
  const shortcut = { key, ctrl, describe, act, place };
  shortcuts.add(shortcut);
  return () => shortcuts.delete(shortcut);
}

/** Whether an input method is at work: its keys are not ours. */
export function isComposing(event) {
  return event.isComposing || event.keyCode === 229;
}

/** Show the map of all shortcuts that work here. */
export function showMap() {
  const now = [...shortcuts].filter(works);
  const lines = now.map((one) => h("div", { class: "s-key-line" }, h("dt", {}, keyNames(one)), h("dd", {}, one.describe)));
  dialog({ title: say("keys_title"), body: h("dl", { class: "s-key-map" }, lines), close: say("close") });
}

function works(shortcut) {
  return shortcut.place === null || shortcut.place === here();
}

function keyNames({ key, ctrl }) {
  const isMac = navigator.platform.startsWith("Mac");
  return [ctrl && (isMac ? "⌘" : "Ctrl"), shown(key)].filter(Boolean).map((name) => h("kbd", {}, name));
}

function shown(key) {
  const arrows = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "␣", Escape: "Esc" };
  return arrows[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

function onKey(event) {
  if (event.defaultPrevented || isComposing(event) || event.altKey) return;
  const ctrl = event.ctrlKey || event.metaKey;
  if (!ctrl && isField(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const fits = (one) => one.key.toLowerCase() === event.key.toLowerCase() && one.ctrl === ctrl && works(one);
  const found = [...shortcuts].findLast(fits);
  if (!found) return;
  event.preventDefault();
  found.act(event);
}

function isField(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}

window.addEventListener("keydown", onKey);
register({ key: "?", describe: say("keys_map"), act: showMap });

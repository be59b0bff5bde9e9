// Settings to begin with, in one row; each sets the knobs that it names and no other.

import { h } from "./dom.js";

/** `knobs` are those that differ from their defaults; `take(preset)` hears which one was chosen. */
export function drawPresets({ say }, form, knobs, take) {
  if (!form.presets.length) return null;
  const defaults = Object.fromEntries(form.knobs.map((knob) => [knob.name, knob.default]));
  const now = (name) => knobs[name] ?? defaults[name];
  const fits = (preset) => Object.entries(preset.knobs).every(([name, value]) => now(name) === (value ?? defaults[name]));
  const shown = (preset) => Object.entries(preset.knobs).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${value}`).join(", ");
  return h("div", { class: "method-segments", role: "group", "aria-label": say("presets") }, form.presets.map((preset) => h("button", {
    type: "button", class: "method-segment", "aria-pressed": String(fits(preset)), onclick: () => take(preset), data: { act: `preset ${preset.name}` },
  }, preset.label, h("span", { class: "s-term notranslate" }, shown(preset)))));
}

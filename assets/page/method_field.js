// One setting as a field, made from its knob alone: number with slider, choice, switch or text.
//
// A field keeps what was typed, also what is no value: the server says what is wrong with it.

import { fill, h } from "./dom.js";

const TERM = /^(.*\S)\s*[(（](.+)[)）]$/u;
const SEGMENTS = 4;

/** `{element, show(value), hint(value), problem(text)}`; `changed(value)` hears every change, null for the default. */
export function field(page, knob, changed) {
  const id = `knob-${knob.name}`;
  const told = { said: (value) => (changed(value), again(value)), id };
  const input = MAKERS[knob.kind](knob, told);
  const help = h("p", { class: "s-quiet method-help", id: `${id}-help` }, knob.help);
  const problem = h("p", { class: "method-problem", id: `${id}-problem`, "aria-live": "polite", hidden: true });
  const reset = h("button", { type: "button", class: "method-reset", hidden: true, onclick: () => (input.show(null), told.said(null), input.main.focus()) });
  const again = (value) => {
    reset.hidden = value === null || value === undefined || value === knob.default;
    fill(reset, page.say("usual", { value: worded(page, knob) }));
  };
  const element = h("div", { class: `method-knob method-${knob.kind}`, data: { knob: knob.name } },
    h("div", { class: "method-label" }, label(knob, id), reset, input.beside),
    input.below, problem, help,
  );
  return {
    element,
    hint: input.hint,
    show: (value) => (input.show(value ?? null), again(value)),
    problem: (text) => {
      fill(problem, text);
      problem.hidden = !text;
      input.main.setAttribute("aria-invalid", String(Boolean(text)));
    },
  };
}

/** A knob's label; the field's term, in its brackets, stands small beside it. */
function label(knob, id) {
  const [, words, term] = TERM.exec(knob.label) ?? [null, knob.label, ""];
  const isGroup = knob.kind === "choice";
  return h(isGroup ? "span" : "label", { for: isGroup ? null : id, id: `${id}-label`, class: "method-name-of" }, words, term && h("span", { class: "s-term" }, " ", term));
}

/** The default as a person reads it. */
function worded({ say }, knob) {
  if (knob.default === null) return knob.auto || say("automatic");
  if (knob.kind === "flag") return say(knob.default ? "on" : "off");
  return knob.choices.find(([value]) => value === knob.default)?.[1] ?? String(knob.default);
}

const described = (id) => `${id}-problem ${id}-help`;

function number(knob, { said, id }) {
  const whole = knob.kind === "int";
  const input = h("input", {
    class: "s-input method-number", id, inputmode: whole ? "numeric" : "decimal", autocomplete: "off", "aria-describedby": described(id), placeholder: knob.auto,
    onblur: () => read(input.value) === null && show(null),
    oninput: () => (place(read(input.value)), said(read(input.value))),
  });
  const slider = h("input", {
    type: "range", class: "method-slider", min: "0", max: String(knob.stops.length - 1), step: "1", "aria-labelledby": `${id}-label`,
    oninput: () => ((input.value = String(knob.stops[slider.value])), place(knob.stops[slider.value]), said(knob.stops[slider.value])),
  });
  const place = (value) => {
    const at = typeof value === "number" ? value : knob.default;
    slider.value = String(nearest(knob.stops, at));
    slider.setAttribute("aria-valuetext", at === null ? knob.auto : String(at));
    slider.classList.toggle("method-auto", at === null);
  };
  const show = (value) => {
    const shown = value ?? knob.default;
    if (document.activeElement !== input || read(input.value) !== value) input.value = shown === null ? "" : String(shown);
    place(value);
  };
  const hint = (value) => {
    if (input.placeholder !== String(value)) input.placeholder = String(value);
    if (input.value === "") slider.value = String(nearest(knob.stops, value));
  };
  return { main: input, beside: input, below: knob.stops.length ? slider : null, show, hint };
}

/** What was typed: a number, null for nothing, else the text itself; also as input methods write digits. */
function read(text) {
  const plain = text.normalize("NFKC").trim().replace(/^(\d*),(\d+)$/, "$1.$2");
  if (!plain) return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : text.trim();
}

function nearest(stops, value) {
  if (value === null) return Math.floor((stops.length - 1) / 2);
  const far = stops.map((stop) => Math.abs(stop - value));
  return far.indexOf(Math.min(...far));
}

function choice(knob, { said, id }) {
  return knob.choices.length > SEGMENTS ? select(knob, { said, id }) : segments(knob, { said, id });
}

function select(knob, { said, id }) {
  const options = knob.choices.map(([value, words]) => h("option", { value }, words));
  const main = h("select", { class: "s-input", id, "aria-labelledby": `${id}-label`, "aria-describedby": described(id), onchange: () => said(main.value) }, options);
  return { main, below: main, show: (value) => (main.value = value ?? knob.default) };
}

function segments(knob, { said, id }) {
  const radios = knob.choices.map(([value]) => h("input", { type: "radio", name: id, value, onchange: () => said(value) }));
  const labels = knob.choices.map(([, words], at) => h("label", { class: "method-segment" }, radios[at], h("span", {}, words)));
  const below = h("div", { class: "method-segments", role: "radiogroup", "aria-labelledby": `${id}-label`, "aria-describedby": described(id) }, labels);
  const show = (value) => radios.forEach((radio) => (radio.checked = radio.value === (value ?? knob.default)));
  return { main: radios[0], below, show };
}

function flag(knob, { said, id }) {
  const main = h("input", { type: "checkbox", role: "switch", class: "method-switch", id, "aria-describedby": described(id), onchange: () => said(main.checked) });
  return { main, beside: main, below: null, show: (value) => (main.checked = value ?? knob.default) };
}

function text(knob, { said, id }) {
  const main = h("input", {
    class: "s-input notranslate", id, translate: "no", spellcheck: "false", autocomplete: "off", "aria-describedby": described(id), placeholder: knob.auto,
    onblur: () => main.value.trim() || show(null),
    oninput: () => said(main.value.trim() || null),
  });
  const show = (value) => document.activeElement !== main && (main.value = value ?? knob.default ?? "");
  return { main, below: main, show };
}

const MAKERS = { int: number, float: number, choice, flag, text };

// What is told of a model, wherever it is shown: its facts, and whether it fits into memory.

import { h } from "./dom.js";
import { bytes, count, large } from "./numbers.js";

/** A list of names and values; pairs without a value are left out. */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "models-facts" }, known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Size, layers and context, as the model's own configuration says. */
export function shape({ say, language }, model) {
  return [
    [say("parameters"), large(model.parameters, language)],
    [say("layers"), count(model.layers, language)],
    [say("context"), model.context ? say("context_value", { n: count(model.context, language) }) : say("not_named")],
    [say("architecture"), h("span", { class: "notranslate models-code" }, model.architecture)],
  ];
}

/** A licence as people write it. */
export function licence({ say }, name) {
  return h("span", { class: "notranslate" }, name === "apache-2.0" ? "Apache 2.0" : name ?? say("not_told"));
}

/** The answer to "has it a chat template?", with what it means where it has none. */
export function template({ say }, has) {
  if (has === null || has === undefined) return say("template_unknown");
  return has ? say("template_own") : h("span", {}, say("template_plain"), h("span", { class: "s-quiet models-note" }, say("template_plain_what")));
}

/** Memory to load against memory free, in words and as a measure. */
export function memory({ say, language }, model) {
  const needed = model.memory_needed_bytes;
  const used = Math.min(1, needed / Math.max(1, model.memory_free_bytes));
  const numbers = { needed: bytes(needed, language), free: bytes(model.memory_free_bytes, language) };
  const meter = h("span", { class: model.fits ? "models-meter" : "models-meter models-over", "aria-hidden": "true" }, h("span", {}));
  meter.firstChild.style.width = `${Math.max(2, used * 100)}%`;
  return h("div", { class: "models-memory" },
    h("div", { class: "models-memory-words", title: say(`format_${model.number_format}`) }, say("memory", numbers)),
    meter,
  );
}

/** Why a model cannot be used here; null where it can. */
export function tooLarge({ say, language }, model) {
  if (model.fits !== false) return null;
  return say("too_large", { needed: bytes(model.memory_needed_bytes, language), free: bytes(model.memory_free_bytes, language) });
}

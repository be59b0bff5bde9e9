// Names that a file brings along, as they stand in a sentence: never translated, in their own direction.

import { h } from "./dom.js";

/** `sentence` in pieces, with each `{name}` that it still holds as an element. */
export function withNames(sentence, names) {
  return sentence.split(/\{(\w+)\}/).map((piece, at) => (at % 2 ? named(names[piece]) : piece));
}

export function named(text) {
  return h("bdi", { class: "notranslate", translate: "no", dir: "auto" }, text);
}

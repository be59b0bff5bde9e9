// The badge of the original: what was checked of it, and no more than that.

import { h } from "./dom.js";

/** The badge of an exchange, with its explanation behind it. */
export function proof({ say }, { base_proved, stage, run }) {
  if (base_proved === false) {
    return h("div", { class: "compare-unproved", role: "alert" }, h("strong", {}, say("proof_false")), " ", say("proof_false_what"));
  }
  const state = base_proved ? "true" : stage === "done" || stage === "stopped" ? "not" : "yet";
  const isCopy = Boolean(run.quantisation);
  return h("details", { class: `compare-proof compare-proof-${state}` },
    h("summary", { class: base_proved ? "s-pill s-base" : "s-pill" }, say(isCopy && base_proved ? "proof_true_copy" : `proof_${state}`)),
    isCopy && h("p", { class: "s-quiet" }, say("proof_copy_what", { held: run.quantisation })),
    h("p", { class: "s-quiet" }, say(base_proved ? "proof_true_what" : "proof_not_what")),
  );
}

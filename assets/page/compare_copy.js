// Both answers as text to be pasted elsewhere, with where they come from and the warning.

import { copy } from "./clipboard.js";
import { decimal } from "./numbers.js";

/** Put the exchange on the clipboard; returns whether that went. */
export function copyText(page, now, texts) {
  return copy(written(page, now, texts));
}

function written({ say, language }, now, texts) {
  const { run, step } = now;
  const point = step === null ? say("at_result", { step: run.tuned_step }) : say("at_save_point", { step });
  const model = run.base;
  return [
    say("copy_question", { text: now.question }),
    now.system && say("copy_system", { text: now.system }),
    say("copy_base", { model, text: texts.base.trim() }),
    say("copy_tuned", { run: run.name, point, text: texts.tuned.trim() }),
    run.quantisation && say("copy_compressed", { how: run.quantisation }),
    say("copy_source", { model, run: `${run.name} (${run.run})`, point, variety: decimal(now.temperature, 1, language), seed: now.seed }),
    say("safety"),
  ].filter(Boolean).join("\n\n");
}

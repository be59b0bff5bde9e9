// Both answers as text to be pasted elsewhere, with where they come from and the warning.

import { decimal } from "./numbers.js";

/** Put the exchange on the clipboard; returns whether that went. */
export async function copyText(page, now, texts) {
  const text = written(page, now, texts);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyOldWay(text);
  }
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
    say("copy_source", { model, run: `${run.name} (${run.run})`, point, variety: decimal(now.temperature, 1, language), seed: now.seed }),
    say("safety"),
  ].filter(Boolean).join("\n\n");
}

/** Pages that are not served from this machine have no clipboard of their own. */
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

// Your models: those that are known, the one in use, and forgetting one.

import { announce } from "./bus.js";
import { h } from "./dom.js";
import { confirm, showCard, toast } from "./notices.js";
import { bytes, large } from "./numbers.js";
import { facts, licence, memory, shape, template, tooLarge } from "./models_facts.js";

/** The list, with what is on its way and is none of the picks. */
export function drawShelf(page, models) {
  const { say } = page;
  const picked = new Set(models.picks.map((pick) => pick.source));
  const others = models.arrivals.sources().filter((source) => !picked.has(source));
  const { models: known, used } = models.shelf;
  return [
    h("h2", { class: "s-heading", id: "models-kept" }, say("yours")),
    !known.length && !others.length && h("p", { class: "s-quiet" }, say("none_yet")),
    others.map((source) => h("div", { class: "models-row" }, h("div", { class: "models-row-name notranslate" }, models.titleOf(source)), models.arrivals.view(source))),
    known.map((model) => row(page, models, model, model.id === used)),
  ];
}

function row(page, models, model, isUsed) {
  const { say, language } = page;
  return h("details", { class: isUsed ? "models-row models-row-used" : "models-row" },
    h("summary", {},
      h("span", { class: "models-row-name notranslate" }, model.title),
      h("span", { class: "s-quiet models-row-facts" }, [large(model.parameters, language), bytes(model.bytes, language), model.id === "starter" && say("practice_english")].filter(Boolean).join(" · ")),
      isUsed ? h("span", { class: "s-pill s-ready" }, say("in_use")) : use(page, models, model),
    ),
    h("div", { class: "models-row-more" },
      model.present ? null : h("p", { class: "s-text models-missing" }, say("missing")),
      facts([
        ...shape(page, model),
        [say("chat_template"), template(page, model.chat_template)],
        [say("licence"), licence(page, model.licence)],
        [say("folder"), h("span", { class: "notranslate models-code" }, model.folder)],
        [say("needed_by"), model.needed_by.join(say("comma"))],
      ]),
      memory(page, model),
      h("button", { type: "button", class: "s-button s-plain s-danger", onclick: () => forget(page, models, model) }, say("forget")),
    ),
  );
}

function use(page, models, model) {
  const why = model.present ? tooLarge(page, model) : page.say("missing_short");
  const act = (event) => (event.preventDefault(), models.use(model.id, model.title));
  return [
    why && h("span", { class: "s-quiet" }, why),
    h("button", { type: "button", class: "s-button", disabled: Boolean(why), title: why, onclick: act, data: { act: `use ${model.id}` } }, page.say("use")),
  ];
}

/** Ask, name who needs the model, and say what happens to its files. */
async function forget(page, models, model) {
  const { say, ask, language } = page;
  const files = model.ours ? say("forget_ours", { size: bytes(model.bytes, language) }) : say("forget_theirs");
  const runs = model.needed_by.length ? say("forget_runs", { runs: model.needed_by.join(say("comma")) }) : "";
  const isSure = await confirm({ title: say("forget_title", { title: model.title }), text: [runs, files].filter(Boolean).join(" "), act: say("forget"), danger: true });
  if (!isSure) return;
  try {
    await ask("forget", { wanted: model.id });
    toast(say("forgotten", { title: model.title }));
    announce("changed", { what: "model" });
  } catch (error) {
    showCard(error);
  }
}

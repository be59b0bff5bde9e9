// Datasets in the trash: each can be brought back, or erased for good.

import { confirm, dialog } from "./dialogs.js";
import { fill, h } from "./dom.js";
import { showCard, toast } from "./notices.js";
import { count } from "./numbers.js";

/** Show them; `desk` is asked to show one that is brought back. */
export async function showDiscarded(desk) {
  const { ask, say } = desk;
  const list = h("ul", { class: "rows-discarded" });
  const draw = async () => {
    const found = await ask("discarded");
    fill(list, found.length ? found.map((one) => line(desk, one, act)) : h("li", { class: "s-quiet" }, say("discarded_none")));
  };
  const act = async (work) => {
    try {
      await work();
      await draw();
    } catch (error) {
      showCard(error);
    }
  };
  try {
    await draw();
  } catch (error) {
    return showCard(error);
  }
  const body = h("div", {}, h("p", { class: "s-quiet" }, say("discarded_what")), list);
  return dialog({ title: say("discarded_title"), body, close: say("close") });
}

function line({ ask, say, language, choose }, { id, dataset, rows, trashed }, act) {
  const number = count(rows + trashed, language);
  const back = () => act(async () => {
    await ask("bring_back", { dataset: id });
    toast(say("discarded_is_back", { name: dataset }));
    await choose(id);
  });
  const erase = () => act(async () => {
    const text = say("discarded_erase_text", { name: dataset, count: number });
    if (!(await confirm({ title: say("erase_title"), text, act: say("erase_act"), danger: true }))) return;
    const { rows: erased } = await ask("erase_dataset", { dataset: id });
    toast(say("erased", { count: count(erased, language) }));
  });
  return h("li", {},
    h("span", { class: "notranslate", translate: "no", dir: "auto" }, dataset), h("span", { class: "s-term" }, say("dataset_rows", { count: number })),
    h("button", { type: "button", class: "s-button", onclick: back }, say("discarded_back")),
    h("button", { type: "button", class: "s-button s-danger", onclick: erase }, say("discarded_erase")));
}

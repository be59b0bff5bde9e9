// What is done to rows beside writing: add, duplicate, throw away, bring back, erase, undo.
// Each waits until what was typed is saved, and says what has happened.

import { confirm } from "./dialogs.js";
import { h } from "./dom.js";
import { showCard, toast } from "./notices.js";
import { key } from "./rows_drafts.js";
import { count } from "./numbers.js";

/** `desk` gives what they need: ask, say, language, saving, source, and follows what was done. */
export class Acts {
  constructor(desk) {
    this.desk = desk;
  }

  add = () => this.#make("add", () => ({ dataset: this.desk.dataset.id, key: key() }));

  duplicate = (id) => this.#make("duplicate", () => ({ id, key: key() }), ({ row }) => row.id === id);

  setStatus = (ids, status) => this.#do(async ({ ask }) => {
    await ask("set_status", { ids, status });
    await this.desk.renewed(ids);
  });

  trash = (ids) => this.#do(async ({ ask, say }) => {
    await ask("trash", { ids });
    toast(say(ids.length > 1 ? "trashed_many" : "trashed_one", { count: this.#count(ids) }), { text: say("undo"), act: () => this.restore(ids) });
    await this.desk.gone(ids);
  });

  restore = (ids) => this.#do(async ({ ask, say }) => {
    await ask("restore", { ids });
    toast(say(ids.length > 1 ? "restored_many" : "restored_one", { count: this.#count(ids) }));
    if (this.desk.query.trashed) await this.desk.gone(ids);
    else await this.desk.follow(ids);
  });

  erase = (ids) => this.#do(async ({ ask, say }) => {
    const runs = await ask("learned_by", { ids });
    const body = runs.length > 0 && h("div", {},
      h("p", { class: "s-text" }, say("erase_runs")),
      h("ul", { class: "rows-runs notranslate", translate: "no" }, runs.map((run) => h("li", { dir: "auto" }, run.name))));
    const text = say(ids.length > 1 ? "erase_text_many" : "erase_text", { count: this.#count(ids) });
    if (!(await confirm({ title: say("erase_title"), text, act: say("erase_act"), danger: true, body: body || null }))) return;
    await ask("erase", { ids });
    this.desk.saving.erase(ids);
    toast(say("erased", { count: this.#count(ids) }));
    await this.desk.gone(ids);
  });

  undo = () => this.#turn("undo");

  redo = () => this.#turn("redo");

  #turn(way) {
    return this.#do(async ({ ask, say, dataset }) => {
      const { kind, ids } = await ask(way, { dataset: dataset.id, key: key() });
      toast(say(way === "undo" ? "undone" : "redone", { what: say(`past_${kind}`) }));
      await this.desk.follow(ids);
    });
  }

  /** Make a row, unless one waits that it would be made of. */
  #make(how, given, isMeant = () => false) {
    return this.#do(async ({ ask }) => {
      if (this.desk.waiting.stops(isMeant)) return;
      const row = await ask(how, given());
      await this.desk.made(row);
    });
  }

  async #do(act) {
    const { say, saving, editor } = this.desk;
    editor.leave();
    await saving.settled();
    try {
      await act(this.desk);
    } catch (error) {
      if (error.name === "Unreachable") toast(say("unreachable"));
      else showCard(error);
    }
  }

  #count(ids) {
    return count(ids.length, this.desk.language);
  }
}

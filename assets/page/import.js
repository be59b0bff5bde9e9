// Bringing rows in: choose, drop or paste a file; see how it is understood; import it or leave no trace.

import { announce } from "./bus.js";
import { fill, h } from "./dom.js";
import { withNames } from "./import_names.js";
import { Preview } from "./import_preview.js";
import { showCard, toast } from "./notices.js";
import { count, duration, share } from "./numbers.js";
import { showFindings } from "./privacy.js";

const POLL_MS = 300;

/**
 * Open the dialog. `dataset` is the one that is open ({id, dataset}), null to ask for a new name;
 * `done(dataset)` is called when rows have come in. `file` may be one that was dropped already.
 */
export function openImport({ ask, say, upload, language, dataset, done, file = null }) {
  const flow = new Flow({ ask, say, upload, language, dataset, done });
  flow.open();
  if (file) flow.takeFile(file);
  return flow;
}

class Flow {
  constructor(given) {
    Object.assign(this, given);
    this.body = h("div", { class: "import-body" });
    this.path = null;
    this.task = null;
    this.isRunning = false; // from the wish to import until its end: nothing closes the dialog then
    this.stay = (event) => this.isRunning && event.key === "Escape" && event.preventDefault();
  }

  open() {
    const title = h("h2", { class: "s-title", id: "import-title" }, this.say("import_title"));
    this.dialog = h("dialog", { class: "s-dialog import", "aria-labelledby": "import-title" }, title, this.body);
    this.dialog.addEventListener("close", () => this.leave());
    this.dialog.addEventListener("cancel", (event) => this.isRunning && event.preventDefault());
    document.addEventListener("keydown", this.stay, true); // a second Esc in a row is no "cancel" any more
    document.body.append(this.dialog);
    this.choose();
    this.dialog.showModal();
  }

  /** What stays of a file that is not imported: nothing. */
  leave() {
    document.removeEventListener("keydown", this.stay, true);
    this.dialog.remove();
    this.drop();
  }

  drop() {
    if (this.path) this.ask("drop_upload", { path: this.path }).catch(() => {});
    this.path = null;
  }

  close() {
    this.dialog.close();
  }

  choose() {
    const input = h("input", { type: "file", class: "import-file", accept: ".jsonl,.json,.csv,.tsv,.txt", onchange: () => input.files[0] && this.takeFile(input.files[0]) });
    const drop = h("label", { class: "import-drop" },
      input,
      h("span", { class: "s-heading" }, this.say("import_drop")),
      h("span", { class: "s-quiet" }, this.say("import_kinds")),
    );
    listenForDrops(drop, (file) => this.takeFile(file));
    const pasted = h("textarea", {
      class: "s-input notranslate", rows: 5, translate: "no", spellcheck: "false", autocomplete: "off",
      placeholder: this.say("import_paste_example"), "aria-label": this.say("import_paste"),
    });
    const use = h("button", { type: "button", class: "s-button", onclick: () => this.takeText(pasted.value) }, this.say("import_use_pasted"));
    fill(this.body,
      drop,
      h("details", { class: "import-paste" }, h("summary", {}, this.say("import_paste")), pasted, use),
      this.promise(),
      this.acts(),
    );
  }

  promise() {
    return h("p", { class: "s-quiet" }, this.say("import_promise"));
  }

  acts(...more) {
    this.cancel = h("button", { type: "button", class: "s-button s-plain", onclick: () => this.close() }, this.say("cancel"));
    return h("div", { class: "s-dialog-acts" }, this.cancel, more);
  }

  takeFile(file) {
    const send = async () => this.ask("take_upload", { path: (await this.upload(file)).path });
    return this.take(send, file.name);
  }

  takeText(text) {
    if (text.trim()) this.take(() => this.ask("paste_rows", { text }), this.say("import_pasted"));
  }

  /** Send the file to the studio on this machine, then show how it is understood. */
  async take(send, name) {
    fill(this.body, h("p", { class: "s-text", role: "status" }, withNames(this.say("import_reading"), { name })));
    try {
      this.path = (await send()).path;
      if (!this.dialog.open) return this.drop();
      const found = await this.ask("preview_rows", { path: this.path, mapping: {} });
      this.show(name, found);
    } catch (error) {
      this.refuse(error);
    }
  }

  refuse(error) {
    this.drop();
    if (!this.dialog.open) return;
    showCard(error);
    this.choose();
  }

  show(name, found) {
    const preview = new Preview({ ...this, name, found, change: (mapping) => this.again(preview, mapping), begin: (choice) => this.begin(preview, choice) });
    fill(this.body, preview.element, this.promise(), this.acts(preview.button));
  }

  /** The person has said which column is which: look again. */
  async again(preview, mapping) {
    try {
      preview.update(await this.ask("preview_rows", { path: this.path, mapping }));
    } catch (error) {
      preview.refuse(error);
    }
  }

  async begin(preview, { dataset, mapping, drafts }) {
    this.hold(true);
    try {
      this.task = (await this.ask("import_rows", { path: this.path, dataset, mapping, drafts })).task;
      this.watch(dataset);
    } catch (error) {
      this.hold(false);
      preview.showButton();
      if (error.name === "Unreachable") toast(this.say("import_unanswered"));
      else showCard(error);
    }
  }

  hold(isRunning) {
    this.isRunning = isRunning;
    this.cancel.disabled = isRunning;
  }

  watch(dataset) {
    const bar = h("div", {});
    const words = h("p", { class: "s-quiet", role: "status" });
    const stop = h("button", { type: "button", class: "s-button", onclick: () => this.ask("cancel_task", { id: this.task }).catch(showCard) }, this.say("cancel"));
    fill(this.body, h("div", { class: "s-progress" }, bar), words, h("div", { class: "s-dialog-acts" }, stop));
    stop.focus();
    this.poll(dataset, bar, words);
  }

  async poll(dataset, bar, words) {
    const task = await this.ask("task", { id: this.task }).catch(() => undefined);
    if (task === undefined) return this.later(dataset, bar, words); // the studio does not answer: ask again
    if (task?.status === "running") {
      const done = task.total ? task.done / task.total : 0;
      bar.style.width = `${100 * done}%`;
      const left = task.seconds_left ? duration(task.seconds_left, this.language) : "";
      words.textContent = this.say(left ? "import_left" : "import_going", { share: share(done, this.language), left });
      return this.later(dataset, bar, words);
    }
    this.end(task, dataset);
  }

  later(dataset, bar, words) {
    setTimeout(() => this.poll(dataset, bar, words), POLL_MS);
  }

  end(task, dataset) {
    this.isRunning = false;
    this.path = null; // the import has taken it
    if (task) this.ask("dismiss_task", { id: this.task }).catch(() => {});
    if (task?.status !== "done") {
      this.close();
      if (task?.card) showCard(task.card);
      else toast(this.say("import_cancelled"));
      return;
    }
    announce("changed", { what: "rows" });
    this.done(task.result.dataset ?? dataset);
    this.report(task.result);
  }

  report(result) {
    const found = result.findings;
    const look = h("button", { type: "button", class: "s-button s-first", onclick: () => (this.close(), showFindings({ ...this, dataset: result.dataset, first: result.first })) }, this.say("privacy_look"));
    fill(this.body,
      h("p", { class: "s-text" }, withNames(this.say("import_done", { count: count(result.imported, this.language) }), { dataset: result.dataset })),
      result.skipped > 0 && h("p", { class: "s-text" }, this.say("import_skipped", { count: count(result.skipped, this.language) })),
      h("p", { class: "s-text" }, this.say(found ? "privacy_found" : "privacy_none", { count: count(found, this.language) })),
      h("p", { class: "s-quiet" }, this.say("privacy_limits")),
      h("div", { class: "s-dialog-acts" },
        found > 0 && look,
        h("button", { type: "button", class: found ? "s-button" : "s-button s-first", onclick: () => this.close() }, this.say("close"))),
    );
  }
}

/** Let files be dropped on `element`. */
export function listenForDrops(element, take) {
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    element.classList.toggle("is-over", event.type === "dragover");
  };
  element.addEventListener("dragover", over);
  element.addEventListener("dragleave", over);
  element.addEventListener("drop", (event) => {
    over(event);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}

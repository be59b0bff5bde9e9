// How a file is understood, before any of it comes in: columns, first rows, and what is left out.

import { fill, h } from "./dom.js";
import { named, withNames } from "./import_names.js";
import { showCard } from "./notices.js";
import { count } from "./numbers.js";

/** Fields that a person may point at a column, in the order of a row. */
const FIELDS = ["messages", "system", "history", "prompt", "input", "response", "chosen", "rejected", "text", "notes", "tags", "status"];
const ALWAYS = ["system", "prompt", "response"];

export class Preview {
  constructor({ say, language, dataset, name, found, change, begin }) {
    Object.assign(this, { say, language, dataset, name, change, begin });
    this.columns = h("fieldset", { class: "import-columns" });
    this.sample = h("div", { class: "import-sample", tabindex: "0", role: "region", "aria-label": say("import_sample") });
    this.words = h("div", {});
    this.left = h("div", {});
    this.understood = h("p", { class: "s-quiet" });
    this.target = this.targeting();
    this.reviewed = this.reviewing();
    this.button = h("button", { type: "button", class: "s-button s-first", onclick: () => this.start() });
    this.element = h("div", { class: "import-preview" }, this.understood, this.target, this.columns, this.sample, this.left, this.words, this.reviewed);
    this.update(found);
  }

  /** Where the rows will go: into the dataset that is open, or into one of a new name. */
  targeting() {
    const naming = this.naming();
    this.isNew = !this.dataset;
    if (this.isNew) return naming;
    naming.hidden = true;
    const choose = (isNew) => () => {
      this.isNew = isNew;
      naming.hidden = !isNew;
      this.showButton();
    };
    return h("fieldset", { class: "import-status import-target" },
      h("legend", { class: "s-quiet" }, this.say("import_target")),
      choice("import-target", "open", named(this.dataset.dataset), { checked: true, onchange: choose(false) }),
      choice("import-target", "new", this.say("import_target_new"), { onchange: choose(true) }),
      naming);
  }

  naming() {
    const suggested = this.name.replace(/\.[^.]+$/, "");
    this.named = h("input", { class: "s-input notranslate", translate: "no", spellcheck: "false", autocomplete: "off", value: suggested, maxlength: "80", oninput: () => this.showButton() });
    return h("label", { class: "s-field" }, h("span", {}, this.say("import_into")), this.named);
  }

  reviewing() {
    this.asGiven = h("span", {});
    return h("fieldset", { class: "import-status" },
      h("legend", { class: "s-quiet" }, this.say("import_status")),
      choice("import-status", "ready", this.asGiven, { checked: true }), choice("import-status", "draft", this.say("import_as_drafts")));
  }

  /** Show what the studio found in the file. */
  update(found) {
    this.found = found;
    const facts = { format: this.say(`format_${found.format}`), encoding: found.encoding.toUpperCase() };
    fill(this.understood, withNames(this.say("import_understood", facts), { name: this.name }));
    fill(this.columns, h("legend", { class: "s-quiet" }, this.say("import_columns")), this.selects());
    this.asGiven.textContent = this.say(found.mapping.status ? "import_as_said" : "import_as_reviewed");
    fill(this.sample, table(found, this.say));
    fill(this.left, this.leftOut());
    fill(this.words, this.ignored(), this.statuses(), this.unknown());
    this.showButton();
  }

  refuse(error) {
    showCard(error);
    this.update(this.found);
  }

  selects() {
    const { mapping, columns } = this.found;
    const shown = FIELDS.filter((field) => mapping[field] || (ALWAYS.includes(field) && !mapping.messages && !mapping.text));
    const more = FIELDS.filter((field) => !shown.includes(field));
    return [
      shown.map((field) => this.select(field, columns, mapping[field] ?? "")),
      h("details", {}, h("summary", {}, this.say("import_more_columns")), more.map((field) => this.select(field, columns, ""))),
    ];
  }

  select(field, columns, chosen) {
    const options = ["", ...columns].map((column) => h("option", { value: column, selected: column === chosen }, column || this.say("import_no_column")));
    const choose = h("select", { class: "s-input notranslate", translate: "no", dir: "auto", data: { field }, onchange: () => this.change(this.mapping(field, choose.value)) }, options);
    return h("label", { class: "s-field" }, h("span", {}, this.say(`field_${field}`)), choose);
  }

  /** All fields as they are chosen now; a column that `field` takes is taken from any other. */
  mapping(field, column) {
    const kept = Object.entries(this.found.mapping).filter(([name, used]) => name !== field && used !== column);
    return { ...Object.fromEntries(kept), [field]: column };
  }

  leftOut() {
    const { skipped, skipped_count: total } = this.found;
    if (!total) return h("p", { class: "s-quiet" }, this.say("import_all_good"));
    const lines = skipped.map(({ row, column, reason }) => h("li", {},
      h("span", { class: "s-pill" }, this.say("import_line", { row })), " ", column && named(column), column && ": ", reason));
    return h("details", { class: "import-left" },
      h("summary", {}, this.say("import_left_out", { count: count(total, this.language) })),
      h("ul", {}, lines),
      total > skipped.length && h("p", { class: "s-quiet" }, this.say("import_and_more", { count: count(total - skipped.length, this.language) })));
  }

  /** Columns that nothing is taken from. */
  ignored() {
    const { ignored } = this.found;
    return ignored.length > 0 && h("p", { class: "s-quiet" }, withNames(this.say("import_ignored"), { columns: ignored.join(this.say("list_comma")) }));
  }

  /** What the file's own column says of the rows' review. */
  statuses() {
    const { mapping, status } = this.found;
    if (!mapping.status) return null;
    const said = Object.entries(status).filter(([, rows]) => rows > 0)
      .map(([word, rows]) => this.say("import_so_many", { word: this.say(`status_${word}`), count: count(rows, this.language) }));
    return h("p", { class: "s-quiet" }, withNames(this.say("import_statuses", { counts: said.join(this.say("list_comma")) }), { column: mapping.status }));
  }

  /** Words in the columns of review and use that mean nothing here. */
  unknown() {
    const { mapping, unknown } = this.found;
    return Object.entries(unknown).map(([field, words]) => {
      const counted = Object.entries(words).map(([word, rows]) => this.say("import_so_many", { word, count: count(rows, this.language) }));
      return h("p", { class: "import-unknown" }, withNames(this.say(`import_unknown_${field}`), { column: mapping[field], words: counted.join(this.say("list_comma")) }));
    });
  }

  showButton() {
    const { good } = this.found;
    const isNamed = !this.isNew || this.named.value.trim();
    this.button.textContent = this.say("import_begin", { count: count(good, this.language) });
    this.button.disabled = good === 0 || !isNamed;
    this.button.title = good === 0 ? this.say("import_nothing") : isNamed ? "" : this.say("import_needs_name");
  }

  start() {
    this.button.disabled = true;
    const drafts = this.reviewed.querySelector("input:checked").value === "draft";
    const dataset = this.isNew ? this.named.value.trim() : this.dataset.id;
    this.begin({ dataset, mapping: this.found.mapping, drafts });
  }
}

/** One of several of which one is chosen. */
function choice(name, value, words, more = {}) {
  return h("label", { class: "import-choice" }, h("input", { type: "radio", name, value, ...more }), words);
}

/** The first rows as they will be. */
function table({ rows, mapping }, say) {
  const hasSystem = rows.some((row) => row.system);
  const head = [hasSystem && "field_system", "field_prompt", "field_response", mapping.status && "status"].filter(Boolean);
  const cell = (text) => h("td", { class: "notranslate", translate: "no", dir: "auto" }, short(text));
  return h("table", {},
    h("caption", { class: "s-quiet" }, say("import_sample")),
    h("thead", {}, h("tr", {}, head.map((key) => h("th", { scope: "col", class: key === "status" && "import-word" }, say(key))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, hasSystem && cell(row.system), cell(row.prompt), cell(row.response), mapping.status && h("td", { class: "import-word" }, say(`status_${row.status}`))))));
}

function short(text) {
  return text.length > 280 ? `${text.slice(0, 280)}…` : text;
}

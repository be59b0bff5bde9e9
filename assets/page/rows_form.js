// The fields of one row: instructions, turns, worse answer or plain text, then notes and tags.
// Gives the row's body back as it stands in the fields. Knows no server.

import { fill, h } from "./dom.js";
import { kindOf, learned, made, same, tagsIn, taken, withLearned } from "./rows_body.js";
import { TextField } from "./rows_field.js";

export class Form {
  #shape = null;
  #parts = null;
  #isReadOnly = false;
  #system = null;
  #turns = [];
  #rejected = [];
  #text = null;
  #givenTags = [];
  #shownTags = "";

  /** `say`, `language`, and the `changed`, `whole` and `left` of all its fields. */
  constructor(given) {
    this.given = given;
    this.turnsBox = h("div", { class: "rows-turns" });
    this.notes = this.#field("role_notes", 2, "notes_hint");
    this.tags = this.#field("role_tags", 1, "tags_hint");
    this.element = h("div", { class: "rows-form" }, this.turnsBox, h("div", { class: "rows-aside" }, this.notes.element, this.tags.element));
  }

  /** Whether an input method is at work in one of the fields. */
  get composing() {
    return this.#fields().some((field) => field.composing);
  }

  /** Show a row; fields of the same shape are used again, so that focus and caret stay. */
  show(row, isReadOnly = false) {
    this.#parts = taken(row.body);
    this.#isReadOnly = isReadOnly;
    const shape = JSON.stringify([kindOf(row.body), this.#parts.turns.map((turn) => turn.role), this.#parts.rejected?.length]);
    if (shape !== this.#shape) this.#build();
    this.#shape = shape;
    this.#fillIn(row);
    this.#mark();
  }

  /** What the fields say otherwise than `row`. */
  changeOf(row) {
    const said = { body: this.body(), notes: this.notes.text, tags: this.#tags() };
    return Object.fromEntries(Object.entries(said).filter(([name, value]) => !same(value, row[name])));
  }

  body() {
    const content = (turns, fields) => turns?.map((turn, n) => ({ ...turn, content: fields[n].text })) ?? null;
    return made({
      ...this.#parts,
      system: this.#systemText(),
      turns: content(this.#parts.turns, this.#turns),
      rejected: content(this.#parts.rejected, this.#rejected),
      text: this.#text ? this.#text.text : null,
    });
  }

  /** An emptied one is none, but one that came empty stays. */
  #systemText() {
    const { system } = this.#parts;
    if (!this.#system) return system;
    return this.#system.text || (system === "" ? "" : null);
  }

  /** Tags that nobody touched are given back as they came, also those with a comma inside. */
  #tags() {
    return this.tags.text === this.#shownTags ? this.#givenTags : tagsIn(this.tags.text);
  }

  #showTags(tags) {
    if (same(this.#tags(), tags)) return;
    this.#givenTags = tags;
    this.#shownTags = tags.join(", ");
    this.tags.text = this.#shownTags;
  }

  /** The texts whose length in word pieces matters, each with the place for its note. */
  counted() {
    return [this.#system, ...this.#turns, ...this.#rejected, this.#text].filter(Boolean);
  }

  /** Put the caret where writing goes on: into the first empty text, else into the answer. */
  focus() {
    const fields = [...this.#turns, this.#text].filter(Boolean);
    (fields.find((field) => field.text === "") ?? fields.at(-1))?.focus();
  }

  #fields() {
    return [...this.counted(), this.notes, this.tags];
  }

  #build() {
    const { turns, rejected, text } = this.#parts;
    const of = (role) => turns.filter((turn) => turn.role === role).length;
    const seen = {};
    this.#turns = turns.map(({ role }, n) => {
      seen[role] = (seen[role] ?? 0) + 1;
      const isLast = n === turns.length - 1;
      return this.#field(`role_${role}`, role === "assistant" && isLast ? 9 : 3, "", of(role) > 1 ? seen[role] : 0);
    });
    this.#rejected = (rejected ?? []).map(() => this.#field("role_rejected", 5));
    this.#text = text === null ? null : this.#field("role_text", 14);
    this.#system = text === null ? this.#field("role_system", 2, "system_hint") : null;
    this.folded = this.#system && h("details", { class: "rows-system" }, h("summary", { class: "rows-label" }, this.given.say("system_fold")), this.#system.element);
    fill(this.turnsBox, this.folded, this.#turns.map((field) => field.element), this.#adder(), this.#rejected.map((field) => field.element), this.#text?.element);
  }

  #fillIn(row) {
    const { system, turns, rejected, text } = this.#parts;
    if (this.#system) {
      this.#system.text = system ?? "";
      this.folded.open = Boolean(system);
    }
    turns.forEach((turn, n) => (this.#turns[n].text = turn.content));
    rejected?.forEach((turn, n) => (this.#rejected[n].text = turn.content));
    if (this.#text) this.#text.text = text;
    this.notes.text = row.notes;
    this.#showTags(row.tags);
    for (const field of this.#fields()) field.readOnly = this.#isReadOnly;
  }

  #field(name, lines, hint = "", number = 0) {
    const { say, language, changed, whole, left } = this.given;
    const label = number ? say("numbered", { name: say(name), number }) : say(name);
    return new TextField({ label, lines, placeholder: hint ? say(hint) : null, say, language, changed, whole, left });
  }

  #adder() {
    if (this.#parts.text !== null) return null;
    return h("button", { type: "button", class: "s-button s-plain rows-add-turn", onclick: () => this.#addTurns() }, this.given.say("add_turn"));
  }

  /** Marks at the turns of a longer conversation: what is learned of it, and a way to shorten it. */
  #mark() {
    const answers = this.#parts.turns.filter((turn) => turn.role === "assistant").length;
    const isLearned = learned(this.#parts.turns);
    this.turnsBox.classList.toggle("rows-read-only", this.#isReadOnly);
    this.#parts.turns.forEach((turn, n) => {
      const mark = answers > 1 && turn.role === "assistant" && this.#learnMark(n, isLearned[n]);
      const remove = this.#parts.turns.length > 2 && this.#remover(n);
      this.#turns[n].element.classList.toggle("rows-context", answers > 1 && turn.role === "assistant" && !isLearned[n]);
      marks(this.#turns[n]).replaceChildren(...[mark, remove].filter(Boolean));
    });
  }

  #learnMark(n, isLearned) {
    const { say } = this.given;
    const box = h("input", {
      type: "checkbox",
      checked: isLearned,
      disabled: this.#isReadOnly,
      onchange: () => this.#reshape(withLearned(this.#current(), n, box.checked)),
    });
    return h("label", { class: "rows-learn" }, box, say(isLearned ? "learned_turn" : "context_turn"));
  }

  #remover(n) {
    const { say } = this.given;
    const remove = () => this.#reshape(this.#current().filter((_, at) => at !== n));
    return h("button", { type: "button", class: "rows-small", disabled: this.#isReadOnly, title: say("remove_turn"), "aria-label": say("remove_turn"), onclick: remove }, "✕");
  }

  #addTurns() {
    this.#reshape([...this.#current(), { role: "user", content: "" }, { role: "assistant", content: "" }]);
    this.#turns.at(-2).focus();
  }

  #current() {
    return this.#parts.turns.map(({ added, ...turn }, n) => ({ ...turn, content: this.#turns[n].text }));
  }

  #reshape(turns) {
    const row = { body: made({ ...taken(this.body()), turns }), notes: this.notes.text, tags: this.#tags() };
    this.show(row, this.#isReadOnly);
    this.given.changed();
    this.given.left();
  }
}

/** The place for marks behind a field's label. */
function marks(field) {
  const found = field.element.querySelector(".rows-marks");
  if (found) return found;
  const made = h("span", { class: "rows-marks" });
  field.element.prepend(made);
  return made;
}

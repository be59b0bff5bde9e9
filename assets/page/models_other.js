// Other: a folder, an id of a hub, a GGUF file; looked at before anything is fetched or loaded.

import { fill, h } from "./dom.js";
import { isComposing } from "./keys.js";
import { showCard, toast } from "./notices.js";
import { bytes } from "./numbers.js";
import { facts, licence, memory, shape, template, tooLarge } from "./models_facts.js";

const KINDS = ["hub", "folder", "gguf"];

export class Other {
  constructor(page, models) {
    Object.assign(this, { page, models, kind: KINDS[0], texts: {} });
    this.tabs = h("div", { class: "models-tabs", role: "tablist", "aria-label": page.say("other_kinds") });
    this.panel = h("div", { class: "models-panel", role: "tabpanel", id: "models-panel" });
    this.seen = h("div", { class: "models-seen", "aria-live": "polite" });
    this.line = h("div", { class: "models-line" });
    this.element = h("details", { class: "models-other", ontoggle: () => this.element.open && this.open() },
      h("summary", { class: "s-heading" }, page.say("other")),
      this.tabs, this.panel, this.seen, this.line,
    );
    this.draw();
  }

  draw() {
    const { say } = this.page;
    fill(this.tabs, KINDS.map((kind) => h("button", {
      type: "button", role: "tab", class: "models-tab", "aria-selected": String(kind === this.kind), "aria-controls": "models-panel",
      tabindex: kind === this.kind ? "0" : "-1", onclick: () => this.choose(kind), onkeydown: (event) => this.onKey(event),
    }, say(`kind_${kind}`))));
    this.input = h("input", {
      class: "s-input notranslate", id: "models-source", translate: "no", spellcheck: "false", autocomplete: "off", autocapitalize: "off",
      value: this.texts[this.kind] ?? "", placeholder: say(`example_${this.kind}`), "aria-describedby": "models-help",
      oninput: () => (this.texts[this.kind] = this.input.value),
      onkeydown: (event) => event.key === "Enter" && !isComposing(event) && this.look(),
    });
    fill(this.panel,
      h("label", { class: "s-field", for: "models-source" }, h("span", {}, say(`label_${this.kind}`))),
      h("div", { class: "models-ask" }, this.input, h("button", { type: "button", class: "s-button", onclick: () => this.look() }, say("look"))),
      h("p", { class: "s-quiet", id: "models-help" }, say(`help_${this.kind}`)),
    );
  }

  choose(kind) {
    this.kind = kind;
    fill(this.seen);
    this.draw();
  }

  onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.choose(KINDS[(KINDS.indexOf(this.kind) + step + KINDS.length) % KINDS.length]);
    this.tabs.querySelector('[aria-selected="true"]').focus();
  }

  async look() {
    const source = this.input.value.trim();
    const { say, ask } = this.page;
    if (!source) return this.input.focus();
    fill(this.seen, h("p", { class: "s-quiet" }, say(`looking_${this.kind}`)));
    try {
      const found = await ask("look", { source });
      if (source === this.input.value.trim()) fill(this.seen, this.card(found));
    } catch (error) {
      fill(this.seen, error.title ? problem(this.page, error) : null);
      if (!error.title) showCard(error);
    }
  }

  card(found) {
    const { say, language } = this.page;
    const why = tooLarge(this.page, found);
    return h("article", { class: "s-card models-pick" },
      h("h3", { class: "models-name notranslate" }, found.title),
      facts([
        ...shape(this.page, found),
        [say("chat_template"), template(this.page, found.chat_template)],
        [say("licence"), licence(this.page, found.licence)],
        [say(found.kind === "hub" ? "download" : "bytes"), bytes(found.bytes, language)],
        [say("disk"), found.disk_bytes ? bytes(found.disk_bytes, language) : null],
      ]),
      memory(this.page, found),
      h("p", { class: "s-quiet" }, say("memory_what"), " ", say(`format_${found.number_format}`)),
      h("div", { class: "models-acts" }, this.act(found, why), why && h("p", { class: "s-quiet" }, why)),
    );
  }

  act(found, why) {
    const { say } = this.page;
    const { shelf } = this.models;
    if (found.known && found.known === shelf.used) return h("p", { class: "models-used" }, say("in_use"));
    if (found.known) return this.button(say("use"), why, () => this.models.use(found.known, found.title));
    const word = { hub: found.arrived_bytes ? "go_on" : "fetch", gguf: "unpack", folder: "take", starter: "prepare" }[found.kind];
    return this.button(say(word), why, () => (fill(this.seen), this.models.add(found.source)));
  }

  button(word, why, act) {
    return h("button", { type: "button", class: "s-button s-first", disabled: Boolean(why), title: why, onclick: act }, word);
  }

  /** Read the line's settings when they are first shown. */
  async open() {
    try {
      this.drawLine(await this.page.ask("get"));
    } catch (error) {
      showCard(error);
    }
  }

  drawLine({ mirror, offline }) {
    const { say } = this.page;
    const address = h("input", {
      class: "s-input notranslate", id: "models-mirror", type: "url", value: mirror, placeholder: "https://hf-mirror.com", translate: "no", spellcheck: "false", autocomplete: "off",
      disabled: offline, onchange: () => this.keep(address.value.trim(), box.checked), "aria-describedby": "models-mirror-help",
    });
    const box = h("input", { type: "checkbox", checked: offline, onchange: () => this.keep(address.value.trim(), box.checked) });
    fill(this.line,
      h("h3", { class: "s-heading" }, say("line")),
      h("label", { class: "models-check" }, box, h("span", {}, say("offline"))),
      h("label", { class: "s-field", for: "models-mirror" }, h("span", {}, say("mirror"))),
      address,
      h("p", { class: "s-quiet", id: "models-mirror-help" }, say("mirror_help")),
    );
  }

  async keep(mirror, offline) {
    try {
      this.drawLine(await this.page.ask("network", { mirror, offline }));
      toast(this.page.say("line_kept"));
      await this.models.look();
    } catch (error) {
      showCard(error);
    }
  }
}

function problem({ say }, card) {
  return h("div", { class: "models-failed", role: "alert" },
    h("p", { class: "s-heading" }, card.title),
    h("p", { class: "s-text" }, card.text),
    h("details", {}, h("summary", {}, say("details")), h("code", {}, card.details)),
  );
}

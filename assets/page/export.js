// Writing the rows to a file in a format that holds them; what it would lose is said before.

import { fill, h } from "./dom.js";
import { withNames } from "./import_names.js";
import { showCard } from "./notices.js";
import { count } from "./numbers.js";

/** Open the dialog for `dataset`. */
export async function openExport({ ask, say, language, dataset }) {
  const body = h("div", { class: "export-body" }, h("p", { class: "s-quiet", role: "status" }, say("privacy_looking")));
  const close = () => shown.close();
  const shown = h("dialog", { class: "s-dialog export", "aria-labelledby": "export-title" },
    h("h2", { class: "s-title", id: "export-title" }, say("export_title")), body);
  shown.addEventListener("close", () => shown.remove());
  document.body.append(shown);
  shown.showModal();
  try {
    const formats = await ask("export_formats", { dataset });
    const write = (chosen) => save({ ask, say, language, dataset, chosen, body, close });
    fill(body, form(formats, say, write, close));
  } catch (error) {
    close();
    showCard(error);
  }
}

function form(formats, say, write, close) {
  const fitting = formats.filter((one) => one.fits);
  const others = formats.filter((one) => !one.fits);
  const usual = fitting[0];
  const choices = fitting.map((one) => choice(one, one === usual, say));
  const begin = h("button", { type: "submit", class: "s-button s-first", disabled: !usual, title: usual ? "" : say("export_nothing") }, say("export_begin"));
  const chosen = () => fitting[choices.findIndex((one) => one.querySelector("input").checked)];
  return h("form", { method: "dialog", onsubmit: (event) => (event.preventDefault(), write(chosen())) },
    h("fieldset", { class: "export-formats" }, h("legend", { class: "s-quiet" }, say("export_format")), choices),
    others.length > 0 && h("details", { class: "export-others" }, h("summary", {}, say("export_others")), others.map((one) => refused(one, say))),
    h("p", { class: "s-quiet" }, say("export_promise")),
    h("div", { class: "s-dialog-acts" }, h("button", { type: "button", class: "s-button s-plain", onclick: close }, say("cancel")), begin));
}

function choice({ format, suffix, lossy }, isChosen, say) {
  const lost = lossy.map((name) => say(`lost_${name}`)).join(say("list_comma"));
  return h("label", { class: "export-format" },
    h("input", { type: "radio", name: "export-format", checked: isChosen }),
    h("span", {},
      named(format, suffix, say),
      h("span", { class: "s-quiet" }, say(`export_${format}`)),
      lost && h("span", { class: "s-quiet" }, say("export_leaves_out", { lost }))));
}

/** A format that would lose something of these rows, and what. */
function refused({ format, suffix, reason }, say) {
  return h("p", { class: "export-refused" }, named(format, suffix, say), h("span", { class: "s-quiet" }, reason));
}

function named(format, suffix, say) {
  return h("span", { class: "s-heading" }, say(`format_${format}`), " ", h("span", { class: "s-term" }, suffix));
}

async function save({ ask, say, language, dataset, chosen, body, close }) {
  try {
    const written = await ask("export_rows", { dataset, format: chosen.format, suffix: chosen.suffix });
    const link = h("a", { class: "s-button s-first", href: written.url, download: written.name }, withNames(say("export_download"), { name: written.name }));
    fill(body,
      h("p", { class: "s-text" }, say("export_done", { count: count(written.rows, language) })),
      h("p", { class: "s-quiet" }, say("export_where"), " ", h("code", { class: "notranslate", translate: "no", dir: "auto" }, written.path)),
      h("div", { class: "s-dialog-acts" }, link, h("button", { type: "button", class: "s-button", onclick: close }, say("close"))));
    link.click();
  } catch (error) {
    showCard(error);
  }
}

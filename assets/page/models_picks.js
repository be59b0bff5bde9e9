// The three picks: what each is good for, what it takes, and the one thing to do with it.

import { h } from "./dom.js";
import { bytes, large } from "./numbers.js";
import { facts, licence, memory, shape, template, tooLarge } from "./models_facts.js";

const STARTER = "starter";
const MORE = "more";

/** Three cards without content, while the machine is looked at. */
export function drawWaiting({ say }) {
  return h("p", { class: "s-quiet models-waiting", "aria-live": "polite" }, say("waiting"));
}

/** The cards, the recommended one first. */
export function drawPicks(page, models) {
  return models.picks.map((pick) => card(page, models, pick));
}

function card(page, models, pick) {
  const { say } = page;
  return h("article", { class: pick.why ? "s-card models-pick models-best" : "s-card models-pick" },
    h("div", { class: "models-pills" }, pills(page, pick, models.picks[0])),
    h("h2", { class: "models-name notranslate" }, pick.title),
    h("div", { class: "models-words" },
      h("p", { class: "s-text models-good" }, say(pick.good_for)),
      pick.why && h("p", { class: "s-quiet" }, say(pick.why)),
    ),
    facts([
      [say("size"), say("size_value", { n: large(pick.parameters, page.language) })],
      [say("download"), download(page, pick)],
      [say("languages"), languages(page, pick)],
      [say("licence"), licence(page, pick.licence)],
    ]),
    memory(page, pick),
    h("details", { class: "models-more" }, h("summary", {}, say("more")), facts([...shape(page, pick).slice(1), [say("chat_template"), template(page, pick.chat_template)]]), h("p", { class: "s-quiet" }, say("memory_what"), " ", say(`format_${pick.number_format}`))),
    h("div", { class: "models-acts" }, acts(page, models, pick)),
  );
}

function languages({ say }, pick) {
  const named = pick.languages.filter((one) => one !== MORE).map((one) => say(`language_${one}`)).join(say("comma"));
  return pick.languages.includes(MORE) ? say("languages_more", { named }) : named;
}

function pills({ say }, pick, best) {
  return [
    pick.why && h("span", { class: "s-pill s-tuned" }, say("recommended")),
    pick.source === STARTER ? h("span", { class: "s-pill" }, say("practice")) : !pick.why && h("span", { class: "s-pill" }, say(pick.parameters > best.parameters ? "larger" : "smaller")),
    pick.ready_offline && h("span", { class: "s-pill s-ready" }, say("offline_ready")),
  ];
}

function download({ say, language }, pick) {
  return pick.download_bytes ? say("about", { size: bytes(pick.download_bytes, language) }) : say("comes_along");
}

function acts(page, models, pick) {
  const { say, language } = page;
  const arrival = models.arrivals.view(pick.source);
  if (arrival) return arrival;
  if (pick.known && pick.known === models.shelf.used) return h("p", { class: "models-used" }, say("in_use"));
  const kind = pick.why && !models.shelf.used ? "s-button s-first" : "s-button";
  const why = tooLarge(page, pick) ?? (models.shelf.offline && !pick.ready_offline ? say("offline_now") : null);
  const act = pick.known ? () => models.use(pick.known, pick.title) : () => models.add(pick.source);
  const button = h("button", { type: "button", class: kind, disabled: Boolean(why), title: why, onclick: act, data: { act: `pick ${pick.source}` } }, word(page, pick));
  if (why) return [button, h("p", { class: "s-quiet" }, why)];
  if (!pick.arrived_bytes || pick.known) return button;
  return [
    button,
    h("button", { type: "button", class: "s-button s-plain", onclick: () => models.drop(pick.source) }, say("drop")),
    h("p", { class: "s-quiet" }, say("arrived_so_far", { size: bytes(pick.arrived_bytes, language) })),
  ];
}

function word({ say }, pick) {
  if (pick.known) return say("use");
  if (pick.arrived_bytes) return say("go_on");
  return pick.download_bytes ? say("fetch") : say("prepare");
}

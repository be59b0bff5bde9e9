// The end of the demo: a question, and both answers as they are written.

import { fill, h } from "./dom.js";
import { isComposing } from "./keys.js";
import { showCard } from "./notices.js";

const EXAMPLES = ["example_1", "example_2", "example_3"];

/** Lay the question and the two lanes out; returns what fills them. */
export function lanes(page, body, look) {
  const { say, ask } = page;
  const field = h("input", { class: "s-input notranslate", id: "demo-question", type: "text", maxlength: "300", translate: "no", spellcheck: "false", autocomplete: "off", placeholder: say("question_like") });
  const send = h("button", { type: "submit", class: "s-button s-first" }, say("ask"));
  const why = h("p", { class: "s-quiet demo-why", "aria-live": "polite" });
  const form = h("form", { class: "demo-form", onsubmit: submit }, h("label", { class: "s-hidden", for: "demo-question" }, say("question")), field, send);
  const asked = h("p", { class: "demo-asked notranslate", translate: "no" });
  const columns = { base: lane(say, "base"), tuned: lane(say, "tuned") };
  field.addEventListener("keydown", (event) => event.key === "Enter" && isComposing(event) && event.preventDefault());

  fill(body,
    h("p", { class: "demo-done" }, say("ready")),
    form,
    h("div", { class: "demo-examples" }, EXAMPLES.map((key) => h("button", { type: "button", class: "demo-example", onclick: () => put(say(key)) }, say(key)))),
    why, asked,
    h("div", { class: "demo-lanes" }, columns.base.element, columns.tuned.element),
    h("p", { class: "s-quiet demo-safety" }, say("safety")),
  );

  function submit(event) {
    event.preventDefault();
    put(field.value);
  }

  async function put(question) {
    if (!question.trim()) return field.focus();
    field.value = question;
    send.disabled = true;
    try {
      look(await ask("ask", { question }));
    } catch (error) {
      send.disabled = false;
      showCard(error);
    }
  }

  return ({ answer }) => {
    const isBusy = answer !== null && !answer.done;
    send.disabled = isBusy;
    const reason = isBusy ? say(answer.base || answer.tuned ? "writing" : "thinking") : "";
    send.title = reason;
    if (why.textContent !== reason) why.textContent = reason;
    asked.textContent = answer?.question ?? "";
    for (const name of ["base", "tuned"]) columns[name].update(answer, isBusy);
    if (answer?.problem && why.dataset.told !== answer.question) {
      why.dataset.told = answer.question;
      showCard(answer.problem);
    }
  };
}

function lane(say, name) {
  const text = h("p", { class: "demo-text notranslate", translate: "no" });
  const element = h("section", { class: `demo-lane demo-${name}`, "aria-busy": "false" },
    h("h2", {}, say(`lane_${name}`), " ", h("span", { class: "s-term" }, say(`lane_${name}_what`))), text);
  return { element, update };

  function update(answer, isBusy) {
    const written = answer?.[name] ?? "";
    if (text.textContent !== written) text.textContent = written;
    element.classList.toggle("demo-writing", isBusy);
    element.setAttribute("aria-busy", String(isBusy));
  }
}

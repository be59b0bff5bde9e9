// Models on their way here: how far each is, how fast, how long still; stopping and going on.

import { announce } from "./bus.js";
import { fill, h } from "./dom.js";
import { showCard } from "./notices.js";
import { bytes, duration, share } from "./numbers.js";
import { released } from "./pointer.js";

const OFTEN_MS = 700;

/** Watches the tasks of this tab. `drawn` is called when they are others, `ended` when one is over. */
export class Arrivals {
  constructor(page, { drawn, ended }) {
    Object.assign(this, { page, drawn, ended });
    this.tasks = [];
    this.views = new Map();
    this.timer = null;
  }

  /** What goes on with `source`, as an element; null where nothing does. */
  view(source) {
    return this.views.get(source)?.element ?? null;
  }

  /** Sources that are on their way, or have not come. */
  sources() {
    return this.tasks.map((task) => task.subject);
  }

  async look() {
    clearTimeout(this.timer);
    let tasks;
    try {
      tasks = await this.page.ask("tasks");
    } catch (error) {
      showCard(error);
      this.timer = setTimeout(() => this.look(), OFTEN_MS * 4);
      return;
    }
    await released();
    const done = tasks.filter((task) => task.status === "done");
    await this.take(tasks.filter((task) => task.status !== "done"));
    for (const task of done) await this.finish(task);
    if (tasks.some((task) => task.status === "running")) this.timer = setTimeout(() => this.look(), OFTEN_MS);
  }

  async take(tasks) {
    const states = (some) => some.map((task) => `${task.id} ${task.status}`).join();
    const isOther = states(tasks) !== states(this.tasks);
    this.tasks = tasks;
    if (isOther) this.views = new Map(tasks.map((task) => [task.subject, new View(this.page, this, task)]));
    for (const task of tasks) this.views.get(task.subject).show(task);
    if (isOther) this.drawn();
  }

  async finish(task) {
    await this.page.ask("dismiss", { task: task.id }).catch(showCard);
    this.ended(task);
  }

  async cancel(task) {
    await this.page.ask("cancel", { task: task.id }).catch(showCard);
    await this.look();
    announce("changed", { what: "tasks" });
  }

  async again(task) {
    await this.page.ask("add", { source: task.subject }).catch(showCard);
    await this.look();
  }

  /** Show a task no more that has failed or was stopped. */
  async close(task) {
    await this.page.ask("dismiss", { task: task.id }).catch(showCard);
    this.ended(task);
  }
}

/** One task, drawn once for each of its states and then only moved. */
class View {
  constructor(page, arrivals, task) {
    this.page = page;
    this.words = h("div", { class: "s-quiet models-task-words" });
    this.bar = h("div", { class: "s-progress", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": page.say("arriving") }, h("div", {}));
    this.element = h("div", { class: "models-task" });
    fill(this.element, task.status === "running" ? this.running(arrivals, task) : this.over(arrivals, task));
  }

  running(arrivals, task) {
    const { say } = this.page;
    const stop = h("button", { type: "button", class: "s-button s-plain", onclick: () => arrivals.cancel(task) }, say("stop"));
    return [this.bar, h("div", { class: "models-task-line" }, this.words, stop)];
  }

  over(arrivals, task) {
    const { say } = this.page;
    const isStopped = task.status === "cancelled";
    return [
      h("div", { class: isStopped ? "models-stopped" : "models-failed", role: isStopped ? "status" : "alert" },
        h("p", { class: "s-heading" }, isStopped ? say("stopped") : task.card.title),
        h("p", { class: "s-text" }, isStopped ? say("stopped_what") : task.card.text),
        !isStopped && h("details", {}, h("summary", {}, say("details")), h("code", {}, task.card.details)),
      ),
      h("div", { class: "models-task-line" },
        h("button", { type: "button", class: "s-button", onclick: () => arrivals.again(task) }, say(isStopped ? "go_on" : "try_again")),
        h("button", { type: "button", class: "s-button s-plain", onclick: () => arrivals.close(task) }, say("leave")),
      ),
    ];
  }

  show(task) {
    if (task.status !== "running") return;
    const percent = task.total ? Math.min(100, (task.done / task.total) * 100) : 0;
    this.bar.firstChild.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(percent)));
    fill(this.words, sentences(this.page, task));
  }
}

/** Bytes as they are; tensors and other parts mean nothing to people, their share does. */
function distance(say, language, { unit, done, total }) {
  if (unit !== "bytes") return share(done / total, language);
  return say("done_of", { done: bytes(done, language), total: bytes(total, language) });
}

/** Two lines: what goes on and how long still; how far and how fast. */
function sentences({ say, language }, task) {
  const isBytes = task.unit === "bytes";
  const step = task.step ? say(`step_${task.step}`) : say("step_begin");
  const left = task.seconds_left ? say("left", { time: duration(task.seconds_left, language) }) : "";
  const far = task.total ? distance(say, language, task) : "";
  const speed = isBytes && task.per_second ? say("per_second", { speed: bytes(task.per_second, language) }) : "";
  return [[step, left], [far, speed]].map((parts) => h("span", {}, parts.filter(Boolean).join(" · ")));
}

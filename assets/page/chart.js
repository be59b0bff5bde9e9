// One figure of Plotly: drawn once, then fed with what is new, so that zoom survives and long runs
// stay smooth. Its colours are those of the style sheet. Knows nothing of runs.
//
// All points are kept; of many, only those are drawn that the eye can tell apart at this zoom.

import { h } from "./dom.js";

const SOURCE = "/page/plotly.js";
const MOST = 800;
const DOTS = 300; // up to so many points each has a dot of its own: the first is no line yet
const FINE = "(pointer: fine)";

let loading = null;

/** Plotly itself, fetched when the first figure is drawn, or a moment before. */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const failed = () => {
      loading = null;
      script.remove();
      reject(new Error("The drawing library did not come."));
    };
    const script = h("script", { src: SOURCE, onload: () => resolve(window.Plotly), onerror: failed });
    document.head.append(script);
  });
  return loading;
}

/**
 * A figure. A trace is `{kind: "line" | "faint" | "marks", colour, hover, x, y}`: `colour` names a
 * token of the style sheet, `hover` is the text before a value (null for none). `zoomed(isZoomed)` is
 * called when the person looks at a part, or at the whole again.
 */
export class Chart {
  #queue = Promise.resolve();
  #traces = [];
  #drawn = 0;
  #isZoomed = false;

  constructor({ label, across, small = false, zoomed = () => {} }) {
    Object.assign(this, { across, small, zoomed, width: 0 });
    this.figure = h("div", { class: "chart-figure" });
    this.element = h("div", { class: small ? "chart chart-small" : "chart", role: "img", "aria-label": label }, this.figure);
    new ResizeObserver(() => this.#then((Plotly) => this.figure.clientWidth && this.figure.data && Plotly.Plots.resize(this.figure))).observe(this.element);
    new MutationObserver(() => this.#then((Plotly) => this.#recolour(Plotly))).observe(document.documentElement, { attributeFilter: ["class"] });
  }

  /** Draw these traces in the place of all others, on a ground of `width`; of their own without. */
  draw(traces, width = 0) {
    this.width = width;
    this.#traces = traces.map((trace) => ({ ...trace, x: [...trace.x], y: [...trace.y] }));
    return this.#then((Plotly) => this.#redraw(Plotly));
  }

  /** Add points, `{x, y}` for each trace in its order. */
  add(news) {
    const isEmpty = news.every(({ x }) => x.length === 0);
    if (isEmpty) return this.#queue;
    news.forEach(({ x, y }, at) => {
      append(this.#traces[at].x, x);
      append(this.#traces[at].y, y);
    });
    return this.#then((Plotly) => this.#extend(Plotly, news));
  }

  /** Show the whole again. */
  whole() {
    return this.#then((Plotly) => Plotly.relayout(this.figure, { ...this.#across(), "yaxis.autorange": true }));
  }

  /** One act after the other; a library that does not come is asked for again at the next. */
  #then(act) {
    if (!this.#traces.length && !this.figure.data) return this.#queue;
    this.#queue = this.#queue.then(plotly).then(act).catch((error) => console.error(error));
    return this.#queue;
  }

  async #redraw(Plotly) {
    const isFirst = !this.figure.data;
    await Plotly.react(this.figure, this.#traces.map((trace) => this.#plotted(trace)), this.#layout(), { displayModeBar: false, showTips: false });
    this.#drawn = Math.max(0, ...this.#traces.map((trace) => Math.min(trace.x.length, MOST)));
    if (isFirst) this.figure.on("plotly_relayout", (change) => this.#moved(Plotly, change));
  }

  #extend(Plotly, news) {
    if (!this.figure.data) return this.#redraw(Plotly);
    const grown = Math.max(...news.map(({ x }) => x.length));
    this.#drawn += grown;
    if (this.#drawn > DOTS && this.#drawn - grown <= DOTS) return this.#redraw(Plotly);
    if (this.#drawn > 1.5 * MOST) return this.#refine(Plotly);
    const at = news.flatMap(({ x }, index) => (x.length ? [index] : []));
    return Plotly.extendTraces(this.figure, { x: at.map((index) => news[index].x), y: at.map((index) => news[index].y) }, at);
  }

  /** Draw anew what can be told apart at this zoom. */
  #refine(Plotly) {
    const shown = this.#traces.map((trace) => this.#seen(trace));
    this.#drawn = MOST;
    return Plotly.restyle(this.figure, { x: shown.map(({ x }) => x), y: shown.map(({ y }) => y) });
  }

  #moved(Plotly, change) {
    const names = Object.keys(change);
    if (!names.some((name) => /^[xy]axis/.test(name))) return;
    this.#isZoomed = names.some((name) => name.includes(".range[")); // a whole range is our own
    this.zoomed(this.#isZoomed);
    if (this.#traces.some(({ x }) => x.length > MOST)) this.#then(() => this.#refine(Plotly));
  }

  #seen({ x, y }) {
    if (x.length <= MOST) return { x: [...x], y: [...y] }; // Plotly adds to what it is given
    if (!this.#isZoomed) return thinned(x, y, MOST);
    const [from, to] = this.figure.layout.xaxis.range;
    const [first, last] = [x.findIndex((one) => one >= from), x.findLastIndex((one) => one <= to) + 1];
    const parts = [[0, first, MOST / 4], [first, last, MOST / 2], [last, x.length, MOST / 4]];
    const found = parts.map(([start, end, most]) => thinned(x.slice(start, end), y.slice(start, end), most));
    return { x: found.flatMap((part) => part.x), y: found.flatMap((part) => part.y) };
  }

  #plotted(trace) {
    const { kind, hover } = trace;
    const marks = kind === "marks";
    const dotted = kind === "faint" && trace.x.length <= DOTS;
    return {
      type: "scatter",
      mode: marks || dotted ? "lines+markers" : "lines",
      ...this.#seen(trace),
      opacity: kind === "faint" ? 0.35 : 1,
      line: { width: marks ? 1 : kind === "faint" ? 1 : 2.25, dash: marks ? "dot" : "solid", color: this.#colour(trace.colour) },
      marker: { symbol: marks ? "diamond" : "circle", size: marks ? 8 : 5, color: this.#colour(trace.colour) },
      ...(hover === null ? { hoverinfo: "skip" } : { hovertemplate: `${plain(hover)} %{y:.3~f}<extra></extra>` }),
    };
  }

  /** The whole ground, as a change of the layout. */
  #across() {
    return this.width ? { "xaxis.range": this.#ground } : { "xaxis.autorange": true };
  }

  /** From nothing to a little beyond the last point, so that a mark there is whole. */
  get #ground() {
    return [0, 1.012 * this.width];
  }

  #layout() {
    const isEmpty = this.#traces.every(({ x }) => x.length === 0);
    const axis = { gridcolor: this.#colour("--line"), linecolor: this.#colour("--line"), zeroline: false, visible: !(isEmpty && !this.width), tickfont: { size: 12 }, automargin: true };
    return {
      uirevision: "kept",
      autosize: true,
      showlegend: false,
      hovermode: "x",
      dragmode: matchMedia(FINE).matches ? "zoom" : false,
      margin: this.small ? { l: 8, r: 8, t: 8, b: 24 } : { l: 8, r: 12, t: 12, b: 36 },
      paper_bgcolor: "transparent",
      plot_bgcolor: "transparent",
      font: { family: getComputedStyle(this.element).fontFamily, color: this.#colour("--soft") },
      xaxis: { ...axis, showgrid: false, tickformat: ",~g", ...(this.width ? { range: this.#ground } : {}), ...(this.width && this.width < 8 ? { dtick: 1 } : {}), title: this.small ? undefined : { text: this.across, font: { size: 12 }, standoff: 8 }, showline: true, nticks: 8 },
      yaxis: { ...axis, rangemode: "tozero", nticks: this.small ? 4 : 6, tickformat: "~g" },
      hoverlabel: { bgcolor: this.#colour("--sheet"), bordercolor: this.#colour("--line"), font: { color: this.#colour("--ink"), size: 13 } },
    };
  }

  #recolour(Plotly) {
    if (!this.figure.data) return undefined;
    const colours = this.#traces.map(({ colour }) => this.#colour(colour));
    const { font, xaxis, yaxis, hoverlabel } = this.#layout();
    return Plotly.update(this.figure, { "line.color": colours, "marker.color": colours }, {
      font, hoverlabel, ...named("xaxis", xaxis), ...named("yaxis", yaxis),
    });
  }

  #colour(token) {
    return getComputedStyle(this.element).getPropertyValue(token).trim();
  }
}

/** Add all of `values` to `list`; there may be more than a call takes arguments. */
export function append(list, values) {
  for (const value of values) list.push(value);
}

function named(axis, { gridcolor, linecolor }) {
  return { [`${axis}.gridcolor`]: gridcolor, [`${axis}.linecolor`]: linecolor };
}

/** `text` as Plotly draws it as it stands: it reads tags and entities in its texts. */
function plain(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/%/g, "&#37;");
}

/** At most about `most` points that keep every peak: the lowest and the highest of each stretch. */
export function thinned(x, y, most) {
  if (x.length <= most) return { x, y };
  const width = Math.ceil(x.length / (most / 2));
  const kept = [];
  for (let start = 0; start < x.length; start += width) kept.push(...extremes(y, start, Math.min(start + width, x.length)));
  if (kept.at(-1) !== x.length - 1) kept.push(x.length - 1);
  return { x: kept.map((at) => x[at]), y: kept.map((at) => y[at]) };
}

function extremes(y, start, end) {
  let [low, high] = [start, start];
  for (let at = start + 1; at < end; at += 1) {
    if (y[at] < y[low]) low = at;
    if (y[at] > y[high]) high = at;
  }
  return low === high ? [low] : [Math.min(low, high), Math.max(low, high)];
}

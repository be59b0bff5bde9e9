"""How smooth the curve of a long run stays, in a real browser. Prints a table.

    python -m tests.bench.bench_chart [points] [updates]

The page's own module over the installed Plotly: a run of 10,000 updates, then 200 more, one by
one as `watch` tells them, once as a whole and once zoomed in; before them a run of a 25th of the
length, for comparison. The time of an update counts until it is drawn. Exit code 1, with a
sentence, where the median misses its bound on a quiet machine, or zoom is lost.
"""

import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page, sync_playwright

from studio.core.words import assets_folder
from studio.web.plotting import PATH, library
from tests.__main__ import find_browser

SMOOTH = 50.0
"""The most milliseconds for one update of the curve: it comes twice a second."""

BLANK = '<!doctype html><html><body style="width: 900px"></body></html>'
MEASURE = """
async ([points, updates, part]) => {
  const { Curve } = await import("/page/train_curve.js");
  const curve = new Curve({ say: (key) => key, language: "en" });
  document.body.replaceChildren(curve.element);
  curve.chart.element.style.height = "340px";
  const series = (first, count) => {
    const step = Array.from({ length: count }, (_, at) => first + at);
    const loss = step.map((at) => 1 + 2 * Math.exp(-at / 2000) + 0.4 * Math.random());
    return { step, loss, lr: loss, grad_norm: loss };
  };
  const begun = performance.now();
  const checks = { step: [points / 4, points / 2], loss: [2, 1.5] };
  await curve.whole(points + updates, series(1, points), checks);
  const first = performance.now() - begun;
  const { figure } = curve.chart;
  const [from, to] = [points - part, points + updates];
  const zoom = { "xaxis.range[0]": from, "xaxis.range[1]": to };
  if (part) await window.Plotly.relayout(figure, zoom);
  const times = [];
  for (let at = 1; at <= updates; at += 1) {
    const start = performance.now();
    await curve.more(series(points + at, 1), { step: [], loss: [] });
    times.push(performance.now() - start);
    await new Promise(requestAnimationFrame);
  }
  times.sort((one, other) => one - other);
  const kept = !part || figure.layout.xaxis.range.join() === [from, to].join();
  const [median, late] = [0.5, 0.95].map((share) => times[Math.floor(share * updates)]);
  return { first, median, late, kept };
}
"""

Json = dict[str, Any]


class Pages(http.server.SimpleHTTPRequestHandler):
    """The page's modules, Plotly, and an empty page."""

    def translate_path(self, path: str) -> str:
        if path == PATH:
            return str(library() / "plotly.min.js")
        return str(assets_folder()) + path

    def do_GET(self) -> None:
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(BLANK.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


@contextmanager
def opened() -> Iterator[Page]:
    """A browser at the empty page."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            yield page
            browser.close()
        server.shutdown()


def missed(name: str, took: Json) -> str | None:
    """What to say where an update takes too long, or zoom is lost."""
    if not took["kept"]:
        return f"{name}: an update took the zoom away."
    if took["median"] <= SMOOTH:
        return None
    return f"{name}: an update takes {took['median']:.0f} ms, {SMOOTH:.0f} is the most."


def main() -> None:
    """Measure and print."""
    points, updates = (*map(int, sys.argv[1:]), *(10_000, 200)[len(sys.argv) - 1 :])
    problems = []
    print("| view | first, ms | an update, ms | 95 of 100 below, ms |")
    print("|---|--:|--:|--:|")
    with opened() as page:
        for name, count, part in (
            ("a short run", points // 25, 0),
            ("whole", points, 0),
            ("zoomed in", points, points // 10),
        ):
            took: Json = page.evaluate(MEASURE, [count, updates, part])
            print(f"| {name} | {took['first']:.0f} | {took['median']:.1f} | {took['late']:.1f} |")
            problems.append(missed(name, took))
    if found := [problem for problem in problems if problem]:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()

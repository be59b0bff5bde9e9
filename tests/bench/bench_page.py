"""How long the Data tab takes as a person sees it, on a dataset as large as a clinic's.

    python -m tests.bench.bench_page [rows]

The real server in a process of its own, and a real browser: from the key or the click until the
browser has painted what was asked for. The pause in which a search waits for further letters is
part of it. The median of each line's runs, and the longest; exit code 1, with a sentence, where a
median misses its bound.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tests.__main__ import find_browser
from tests.bench.bench_rows import PAGE, UP_TO, WORDS, drafts
from tests.e2e.served import Served, Shelf

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUNS = 9
QUIET = 700
"""Milliseconds after which nothing of the act before is going on any more."""

TIMED = """async ([act, isDone]) => {
  const [begin, ends] = [new Function(act), new Function(`return ${isDone}`)];
  const frame = () => new Promise(requestAnimationFrame);
  const start = performance.now();
  begin();
  while (!ends()) {
    if (performance.now() - start > 30_000) throw new Error(`not within 30 s: ${isDone}`);
    await frame();
  }
  await frame();
  return performance.now() - start;
}"""
LIST = "document.querySelector('#rows .rows-box')"
WHERE = "document.querySelector('#rows .rows-pager .s-quiet').textContent"
HEADING = "document.querySelector('#rows .rows-editor .s-heading').textContent"
QUESTION = "document.querySelector('#rows .rows-turns > .rows-field textarea').value"
SEARCH = "document.querySelector('#rows input[type=search]')"
FORWARD = "document.querySelectorAll('#rows .rows-pager button')[1].click()"


@dataclass(frozen=True, slots=True)
class Desk:
    """The Data tab with ``count`` rows, open in a browser."""

    page: "Page"
    count: int

    def time(self, act: str, is_done: str) -> float:
        """Milliseconds from ``act`` until ``is_done`` has been painted; both are JavaScript."""
        self.page.wait_for_timeout(QUIET)
        return float(self.page.evaluate(TIMED, [act, is_done]))

    def turn(self, run: int) -> float:
        """To the next page."""
        return self.time(FORWARD, f"{WHERE}.startsWith('{(run + 1) * 50 + 1:,}–')")

    def search(self, text: str, found: int) -> float:
        """From all rows to those that hold ``text``, of which there are ``found``."""
        self.time(_typing(""), _found(self.count))
        return self.time(_typing(text), _found(found))

    def filter(self, _: int) -> float:
        """To the flagged rows, of which there are none, and back to the reviewed ones."""
        self.time(_typing(""), _found(self.count))
        self.time(_clicking("flagged"), _found(0))
        return self.time(_clicking("ready"), _found(self.count))

    def step(self, run: int) -> float:
        """By the arrow to the row below, until its text is there."""
        return self._to(run + 2, "ArrowDown")

    def jump(self, run: int) -> float:
        """To an end of the page, until the text of a row far off is there."""
        return self._to(1, "Home") if run % 2 else self._to(50, "End")

    def _to(self, number: int, key: str) -> float:
        event = f"new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}})"
        is_there = f"{HEADING} === 'Row {number}' && {QUESTION}.includes(' number {number - 1}?')"
        return self.time(f"{LIST}.dispatchEvent({event})", is_there)

    def measure(self) -> dict[str, list[float]]:
        """The times of each act, in the order in which a person might do them."""
        often = len(range(0, self.count, len(WORDS)))
        acts: dict[str, Callable[[int], float]] = {
            "arrow key, to the row's text": self.step,
            "end or home, to the row's text": self.jump,
            "page turn": self.turn,
            "search, found often": lambda _: self.search(WORDS[0], often),
            "search, found once": lambda _: self.search(f"number {self.count - 1}?", 1),
            "search, found never": lambda _: self.search("zebra", 0),
            "filter": self.filter,
        }
        return {name: [act(run) for run in range(RUNS)] for name, act in acts.items()}


def _typing(text: str) -> str:
    return f"{SEARCH}.value = '{text}'; {SEARCH}.dispatchEvent(new InputEvent('input'))"


def _found(total: int) -> str:
    """That the list says so."""
    return f"{WHERE}.endsWith(' of {total:,}')" if total else f"{WHERE} === ''"


def _clicking(status: str) -> str:
    return f"document.querySelector('#rows .rows-chips .rows-{status}').click()"


def measure(count: int, folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each act on a dataset of ``count`` rows, run by run."""
    Shelf(folder / "data").fill("Bench", list(drafts(count)))
    served = Served(folder / "data")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-GB")
        try:
            page.goto(served.start())
            page.goto(f"http://127.0.0.1:{served.port}/#data")
            page.locator("#rows .rows-item").nth(49).wait_for()
            return Desk(page, count).measure()
        finally:
            browser.close()
            served.stop()


def missed(count: int, table: Mapping[str, Sequence[float]]) -> list[str]:
    """What to say of each line of ``table`` that misses its bound."""
    medians = {name: statistics.median(times) for name, times in table.items() if count <= UP_TO}
    slow = {name: took for name, took in medians.items() if took > PAGE}
    return [f"{name}: {took:.0f} ms, {PAGE:.0f} is the most." for name, took in slow.items()]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else UP_TO
    with tempfile.TemporaryDirectory() as folder:
        table = measure(count, Path(folder))
    print(f"{'':32} {'median':>10} {'longest':>10}")
    for name, times in table.items():
        print(f"{name:32} {statistics.median(times):7.0f} ms {max(times):7.0f} ms")
    if problems := missed(count, table):
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()

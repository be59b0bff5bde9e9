"""How long a person waits for the page after a second start. Prints a table.

    python -m tests.bench.bench_start [starts]

From the start of `python -m studio ui` until the front page's HTML has come, and until a browser
that runs already has drawn it. Beside the time on the wall stands what the server itself has
computed, which a busy machine does not change much. The median of the starts; exit code 1, with a
sentence, where the drawn page misses its bound.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from playwright.sync_api import sync_playwright

from tests.__main__ import find_browser
from tests.e2e.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FIRST_PAGE = 6.0
"""The most seconds until the first page is drawn."""


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds of one start."""

    html: float
    drawn: float
    computed: float

    @classmethod
    def take(cls, served: Served, browser: "Browser") -> "Start":
        """Start the server, open its page in a new window, end both."""
        page = browser.new_context(locale="en-GB").new_page()
        began = time.perf_counter()
        try:
            page.goto(served.start(), wait_until="commit")
            html = time.perf_counter() - began
            page.locator("#start .start-door").first.wait_for()
            drawn = time.perf_counter() - began
            spent = psutil.Process(served.pid).cpu_times()
            return cls(html, drawn, spent.user + spent.system)
        finally:
            page.context.close()
            served.stop()


def measure(starts: int, folder: Path) -> list[Start]:
    """So many starts over one data folder, after a first one that is not counted."""
    served = Served(folder / "data")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        taken = [Start.take(served, browser) for _ in range(1 + starts)]
        browser.close()
    return taken[1:]


def medians(starts: list[Start]) -> Start:
    """A start that is usual in each of its times."""
    return Start(*map(statistics.median, zip(*map(astuple, starts), strict=True)))


def missed(usual: Start) -> str | None:
    """What to say where the first page comes too late."""
    if usual.drawn <= FIRST_PAGE:
        return None
    return f"drawn: {usual.drawn:.1f} s, {FIRST_PAGE:.0f} is the most."


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        starts = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5, Path(folder))
    usual = medians(starts)
    for field in fields(Start):
        times = [getattr(start, field.name) for start in starts]
        print(f"{field.name:10} {getattr(usual, field.name):6.2f} s   {max(times):6.2f} s at most")
    if problem := missed(usual):
        sys.exit(problem)


if __name__ == "__main__":
    main()

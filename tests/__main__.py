"""Every check and test, in turn: `python -m tests [words for pytest]`, in a set-up environment.

Goes on after a failure, so that one run tells all, and ends with one line a stage. With words for
pytest the coverage is left out: a part of the tests covers a part of the code.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
}
COVERED = ["--cov", "--cov-report=term"]
CORE = ["coverage", "report", "--include=studio/core/*", "--fail-under=100"]
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}


def find_browser() -> str | None:
    """Path of a Chromium on this machine; Playwright's own is found by Playwright."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def install_browser() -> None:
    """Fetches a Chromium, by the system's packages where we may; without one, its tests skip."""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        attempts = [["apt-get", "update", "-qq"], ["apt-get", "install", "-qqy", "chromium"]]
    else:
        attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if any(subprocess.run(words, stdout=sys.stderr, check=False).returncode for words in attempts):
        print("No Chromium could be installed: tests in a browser are skipped.", file=sys.stderr)


def run_stage(words: Sequence[str]) -> bool:
    program = [sys.executable, "-m", *words]
    return subprocess.run(program, env={**os.environ, **ENVIRONMENT}, check=False).returncode == 0


def main(words: Sequence[str]) -> int:
    if find_browser() is None:
        install_browser()
    stages = {**CHECKS, "tests": ["pytest", *(words or COVERED)]}
    if not words:
        stages["coverage of core"] = CORE
    outcomes: dict[str, str] = {}
    for name, program in stages.items():
        began = time.monotonic()
        outcome = "ok" if run_stage(program) else "FAILED"
        outcomes[name] = f"{outcome}, {time.monotonic() - began:.0f} s"
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome}", flush=True)
    return int(any(outcome.startswith("FAILED") for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

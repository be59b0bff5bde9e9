"""The page over a workbench without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from studio import app
from studio.core.words import LANGUAGES, words
from tests.ui.benches import bench_without_torch

_IN_A_PROCESS = """
import sys
from pathlib import Path
from studio import app
from tests.ui.benches import bench_without_torch
with bench_without_torch(Path(sys.argv[1])) as bench:
    app.build(bench)
print([name for name in ("torch", "transformers", "peft") if name in sys.modules])
"""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_builds_in_every_language(language: str, tmp_path: Path) -> None:
    with bench_without_torch(tmp_path / "data") as bench:
        page = app.build(bench, words(language))
    assert page.title == words(language).say("page.all.title")


def test_every_language_has_the_same_parts_in_the_same_order(tmp_path: Path) -> None:
    with bench_without_torch(tmp_path / "data") as bench:
        pages = [app.build(bench, words(language)) for language in LANGUAGES]
    named = [[block.elem_id for block in page.blocks.values()] for page in pages]
    assert named[0] == named[1]
    assert {"bar", "start", "demo", "models", "rows"} <= set(named[0])


def test_building_the_page_imports_no_torch(tmp_path: Path, repository: Path) -> None:
    words_of_it = [sys.executable, "-c", _IN_A_PROCESS, str(tmp_path / "data")]
    told = subprocess.run(words_of_it, cwd=repository, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_every_place_has_a_rule_that_shows_it(repository: Path) -> None:
    rules = (repository / "assets" / "page" / "chrome.css").read_text("utf-8")
    for place in app.PLACES:
        assert f'[data-place="{place.ID}"] #place-{place.ID}' in rules

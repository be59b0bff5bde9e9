"""Which three models suit a machine and a person, and that what is told of each is true."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.words import words
from studio.workbench.memory import WORKING
from studio.workbench.picks import STARTER, Sized, all_picks, choose, reason
from tests.conftest import REPOSITORY

# Parameters as published with the weights, tied ones once, and those that the file stores.
PUBLISHED = {
    "starter": (134_515_008, 0),
    "HuggingFaceTB/SmolLM2-360M-Instruct": (361_821_120, 361_821_120),
    "Qwen/Qwen2.5-0.5B-Instruct": (494_032_768, 494_032_768),
    "Qwen/Qwen3-0.6B": (596_049_920, 751_632_384),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": (1_711_376_384, 1_711_376_384),
    "Qwen/Qwen3-1.7B": (1_720_574_976, 2_031_739_904),
    "Qwen/Qwen3-4B": (4_022_468_096, 4_022_468_096),
}
GB = 1_000_000_000


def sized(width: int = 4) -> list[Sized]:
    """All picks, in numbers of ``width`` bytes."""
    counts = {pick: PUBLISHED[pick.source][0] for pick in all_picks()}
    return [Sized(pick, count, count * width + WORKING) for pick, count in counts.items()]


def chosen(free: float, language: str = "en", *, is_slow: bool = True, width: int = 4) -> list[str]:
    found = choose(sized(width), free=int(free * GB), language=language, is_slow=is_slow)
    return [one.pick.source.rpartition("/")[2] for one in found]


def test_the_counts_of_the_configurations_are_those_published() -> None:
    from studio.engine.sheet_reader import read_sheet

    found = {
        pick.source: (read_sheet(pick.folder).total, pick.download_bytes // 2)
        for pick in all_picks()
    }
    assert found == PUBLISHED


def test_the_starter_s_configuration_is_that_of_the_starter(starter: Path) -> None:
    from studio.engine.sheet_reader import read_sheet

    (pick,) = (pick for pick in all_picks() if pick.source == STARTER)
    assert read_sheet(pick.folder) == read_sheet(starter)


@pytest.mark.parametrize(
    ("free", "language", "expected"),
    [
        (12, "en", ["Qwen3-0.6B", "SmolLM2-1.7B-Instruct", "starter"]),
        (12, "zh", ["Qwen3-0.6B", "Qwen3-1.7B", "starter"]),
        (6.5, "en", ["Qwen3-0.6B", "Qwen2.5-0.5B-Instruct", "starter"]),
        (4.2, "en", ["SmolLM2-360M-Instruct", "Qwen2.5-0.5B-Instruct", "starter"]),
        (4.2, "zh", ["Qwen2.5-0.5B-Instruct", "Qwen3-0.6B", "starter"]),
        (2.6, "zh", ["Qwen2.5-0.5B-Instruct", "Qwen3-0.6B", "starter"]),
        (1.5, "zh", ["starter", "Qwen2.5-0.5B-Instruct", "Qwen3-0.6B"]),
    ],
)
def test_on_a_cpu_the_largest_that_leaves_room_to_learn_and_learns_in_minutes(
    free: float, language: str, expected: list[str]
) -> None:
    assert chosen(free, language) == expected


def test_a_gpu_learns_with_large_models_too() -> None:
    assert chosen(70, is_slow=False, width=2) == ["Qwen3-4B", "Qwen3-1.7B", "starter"]
    assert chosen(9, is_slow=False, width=2) == ["Qwen3-1.7B", "Qwen3-4B", "starter"]


@pytest.mark.parametrize(
    ("free", "is_slow", "why"),
    [(12, True, "slow"), (12, False, "largest"), (2.6, True, "smallest"), (1.5, True, "only")],
)
def test_the_first_is_recommended_for_a_reason(free: float, is_slow: bool, why: str) -> None:
    given = {"free": int(free * GB), "is_slow": is_slow}
    best = choose(sized(), language="zh", **given)[0]
    assert reason(best, **given) == f"why_{why}"
    assert f"page.models.why_{why}" in words().sentences


def every_machine() -> Iterator[tuple[float, str, bool]]:
    for tenths in range(5, 300, 3):
        for language in ("en", "zh"):
            for is_slow in (False, True):
                yield tenths / 10, language, is_slow


def test_there_are_always_three_with_the_starter_and_the_first_fits_if_any_does() -> None:
    by_source = {one.pick.source.rpartition("/")[2]: one for one in sized()}
    for free, language, is_slow in every_machine():
        three = chosen(free, language, is_slow=is_slow)
        assert (len(set(three)), STARTER in three) == (3, True)
        first = by_source[three[0]]
        assert first.needed <= free * GB or first.pick.source == STARTER
        spoken = [language in by_source[name].pick.languages for name in three if name != STARTER]
        assert all(spoken)


def test_every_pick_may_be_used_by_anyone_and_has_its_sentence() -> None:
    for pick in all_picks():
        assert pick.licence == "apache-2.0"
        for language in ("en", "zh"):
            assert f"page.models.{pick.good_for}" in words(language).sentences
    assert sorted(path.name for path in (REPOSITORY / "assets" / "picks").iterdir()) == sorted(
        pick.folder.name for pick in all_picks()
    )

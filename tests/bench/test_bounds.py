"""A measurement that misses its bound says so; one that keeps it is quiet."""

import pytest

from tests.bench import (
    bench_chart,
    bench_counts,
    bench_first_point,
    bench_lanes,
    bench_page,
    bench_rows,
    bench_start,
    bench_training,
)


@pytest.mark.parametrize(
    ("ratios", "same", "peer", "sentences"),
    [
        ([9.0, 2.5, 1.0], 2.0, 2.006, 0),
        ([9.0, 2.5, 1.0], 2.006, 2.0, 0),
        ([9.0, 2.4, 1.0], 2.0, 2.0, 1),
        ([9.0, 2.5, 1.0], 2.01, 2.0, 1),
        ([1.0], 1.0, 2.0, 2),
    ],
)
def test_training_must_be_faster_and_begin_with_the_same_loss(
    ratios: list[float], same: float, peer: float, sentences: int
) -> None:
    said = bench_training.missed("fp32", ratios, same, [same, peer])
    assert len(said) == sentences
    assert all(sentence.startswith("fp32: ") for sentence in said)


def test_two_lanes_must_be_faster_than_one_after_the_other() -> None:
    assert bench_lanes.missed("float32", 1.3) is None
    assert "1.29" in str(bench_lanes.missed("float32", 1.29))


def test_pages_of_twenty_thousand_rows_must_come_in_time() -> None:
    table = {"first page": 301.0, "page of a search": 299.0, "undo": 900.0}
    assert bench_rows.missed(20_000, table) == ["first page: 301 ms, 300 is the most."]
    assert bench_rows.missed(100_000, table) == []


def test_figures_of_the_largest_models_must_be_there_at_once() -> None:
    table = {"Llama-3-70B lora first": 101.0, "Llama-3-70B lora": 99.0}
    assert bench_counts.missed(table) == ["Llama-3-70B lora first: 101 ms, 100 is the most."]


def test_the_curve_of_a_long_run_must_stay_smooth_and_keep_its_zoom() -> None:
    assert bench_chart.missed("whole", {"median": 50.0, "kept": True}) is None
    assert "51 ms" in str(bench_chart.missed("whole", {"median": 51.0, "kept": True}))
    assert "zoom" in str(bench_chart.missed("zoomed in", {"median": 5.0, "kept": False}))


def test_the_first_point_must_come_soon_in_most_runs() -> None:
    assert bench_first_point.missed([30.0, 11.0, 9.0]) is None
    assert bench_first_point.missed([30.0, 12.1, 9.0]) == (
        "The first point came after 12.1 s, 12 s is the most."
    )


def test_what_a_person_waits_for_in_the_browser_must_come_in_time() -> None:
    table = {"page turn": [100.0, 301.0, 302.0], "filter": [299.0, 10.0, 900.0]}
    assert bench_page.missed(20_000, table) == ["page turn: 301 ms, 300 is the most."]
    assert bench_page.missed(100_000, table) == []


def test_the_first_page_of_a_second_start_must_come_in_time() -> None:
    starts = [bench_start.Start(1.0, drawn, 1.0) for drawn in (2.0, 6.1, 9.0)]
    assert bench_start.missed(bench_start.medians(starts)) == "drawn: 6.1 s, 6 is the most."
    assert bench_start.missed(bench_start.Start(1.0, 6.0, 9.0)) is None

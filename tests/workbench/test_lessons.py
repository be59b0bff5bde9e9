"""Word pieces as a page asks for them; the engine's own answers are tested with the engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import Body, Message
from studio.workbench import Workbench
from tests.ui.benches import CannedEngine, add_model, add_rows, bench_without_torch


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as bench:
        yield bench


def asked(bench: Workbench) -> list[str]:
    assert isinstance(bench.engine, CannedEngine)
    return [op for op, _ in bench.engine.asked]


def test_a_body_that_is_not_saved_is_labelled_too(bench: Workbench) -> None:
    model = add_model(bench)
    learned = bench.rows.learned(model, Body.pair("Why so?", "Because.").as_json())
    assert learned.keys() == {"tokens", "trained", "stop_trained"}
    trained = [piece["text"] for piece in learned["tokens"] if piece["role"] == "trained"]
    assert trained == ["Because.", "<|end|>"]
    assert learned["trained"] == 2


def test_why_a_body_teaches_nothing_is_told(bench: Workbench) -> None:
    model = add_model(bench)
    with pytest.raises(UserMistake) as caught:
        bench.rows.learned(model, Body((Message("user", "Why?"),)).as_json())
    assert caught.value.key == "tokens.no_answer"


def test_a_body_of_no_shape_never_reaches_the_engine(bench: Workbench) -> None:
    model = add_model(bench)
    before = asked(bench)
    with pytest.raises(UserMistake):
        bench.rows.learned(model, {"messages": [3]})
    assert asked(bench) == before


def test_each_text_has_its_count(bench: Workbench) -> None:
    model = add_model(bench)
    assert bench.rows.count(model, ["one two three", "", "发烧"]) == [3, 0, 2]


def test_nothing_is_fetched_while_someone_types(bench: Workbench) -> None:
    for act in (
        lambda: bench.rows.count("someone/model", ["x"]),
        lambda: bench.rows.learned("starter", Body.pair("a", "b").as_json()),
    ):
        with pytest.raises(UserMistake) as caught:
            act()
        assert caught.value.key == "models.unknown"
    assert asked(bench) == []


def test_rows_of_a_dataset_are_labelled_one_by_one(bench: Workbench) -> None:
    model, dataset = add_model(bench), add_rows(bench)
    lines = list(bench.rows.tokens(model, dataset))
    rows = bench.rows.page(dataset, limit=100)["rows"]
    assert [line["row"] for line in lines] == [row["id"] for row in rows]
    (one,) = bench.rows.tokens(model, dataset, row=rows[3]["id"])
    assert one == lines[3]

import json

import pytest

from studio.core.errors import UserMistake
from studio.core.words import words
from studio.printing import Printer

Captured = pytest.CaptureFixture[str]
PROBLEM = UserMistake("rows.empty_response").as_json()


def printer(language: str = "en", *, as_json: bool = False) -> Printer:
    return Printer(words(language), as_json=as_json)


def test_an_error_is_one_line_whatever_its_facts_hold(capsys: Captured) -> None:
    printer().error(UserMistake("recipe.unreadable", file="a", problem="one\ntwo"))
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "one two" in said.err


def test_json_keeps_numbers_and_text_as_they_are(capsys: Captured) -> None:
    value = [{"share": 0.1, "name": "高血压", "count": 1000, "none": None}]
    printer(as_json=True).lines("dataset", value)
    assert json.loads(capsys.readouterr().out) == value


def test_a_start_line_comes_first_whatever_becomes_of_a_run(capsys: Captured) -> None:
    start = {"event": "start", "run": "r", "total": 3, "seq": 1, "attempt": 1}
    end = {"event": "end", "status": "paused", "step": 0, "reason": None, "seq": 1, "attempt": 1}
    bare = {"event": "start", "run": "r", "seq": 0, "attempt": 1}
    nothing: list[dict[str, object]] = []
    for said, told in ((nothing, [bare]), ([end], [bare, end]), ([start, end], [start, end])):
        with pytest.raises(KeyboardInterrupt):
            interrupted(printer(as_json=True), said)
        assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == told


def interrupted(out: Printer, said: list[dict[str, object]]) -> None:
    """Tell of the run ``r``, until Ctrl-C."""
    with out.started("r"):
        for event in said:
            out.event(event)
        raise KeyboardInterrupt


def test_an_empty_list_is_said_to_people_and_is_a_list_for_programs(capsys: Captured) -> None:
    printer().lines("run", [])
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "There are none yet.\n")
    printer(as_json=True).lines("run", [])
    assert capsys.readouterr().out == "[]\n"


def test_facts_are_written_for_people(capsys: Captured) -> None:
    facts = {"bytes": 1_500_000, "count": 1234, "pid": 1234, "none": None, "on": True, "off": False}
    printer().table(facts | {"part": {"share": 0.123456}, "list": ["a", "b"], "empty": []})
    told = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    assert told == {
        "bytes": "1.5 MB",
        "count": "1,234",
        "pid": "1234",
        "none": "–",
        "on": "✓",
        "off": "✗",
        "part_share": "0.1235",
        "list": "a, b",
        "empty": "–",
    }


def test_rows_that_are_left_out_are_named_with_their_reasons(capsys: Captured) -> None:
    left_out = [{"row": f"r{number}", "reason": PROBLEM} for number in range(12)]
    start = {"event": "start", "run": "R", "total": 2, "rows": 3, "check_rows": 0, "cut_rows": 2}
    event = start | {"trainable": 5, "left_out": left_out}
    printer().event(event)
    told = capsys.readouterr().out
    assert told.splitlines()[0].startswith("Run R: 2 updates over 3 rows")
    assert "no more: 2." in told.splitlines()[1]
    assert told.count("The answer is empty") == 10
    assert told.splitlines()[-1].endswith(": 2.")
    printer(as_json=True).event(event)
    shown = json.loads(capsys.readouterr().out)
    assert [row["row"] for row in shown["left_out"]] == [row["row"] for row in left_out]
    assert shown["left_out"][0]["reason"].startswith("The answer is empty")


@pytest.mark.parametrize("status", ["finished", "paused", "stopped", "failed"])
def test_an_end_is_told_once(status: str, capsys: Captured) -> None:
    event = {"event": "end", "status": status, "step": 3, "reason": PROBLEM}
    printer("zh").event(event)
    told = capsys.readouterr().out
    assert ("回答" in told) == (status != "failed"), "what a run failed by is said as an error"
    printer(as_json=True).event(event)
    assert json.loads(capsys.readouterr().out)["reason"].startswith("The answer is empty")


def test_samples_carry_the_warning_once(capsys: Captured) -> None:
    speaker = printer()
    for step in (1, 2):
        speaker.event({"event": "sample", "step": step, "prompt": "Why?", "text": "So."})
    assert capsys.readouterr().out.count("Not medical advice") == 1


@pytest.mark.parametrize(
    "event",
    [
        {"event": "eval", "step": 1, "loss": 2.5},
        {"event": "checkpoint", "step": 1},
        {"event": "resume", "step": 1, "lost": 2},
        {"event": "waiting", "step": 1, "reason": PROBLEM},
    ],
    ids=lambda event: event["event"],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_event_has_its_sentence(language: str, event: dict, capsys: Captured) -> None:
    printer(language).event(event)
    told = capsys.readouterr().out
    assert "1" in told
    assert "cli." not in told


def test_word_pieces_are_marked_and_rows_left_out_explained(capsys: Captured) -> None:
    pieces = [{"text": text, "role": text} for text in ("context", "trained", "cut")]
    left_out = {"row": "r2", "tokens": pieces[:1], "reason": PROBLEM}
    printer().tokens({"row": "r1", "tokens": pieces})
    printer().tokens(left_out)
    printer().tokens(left_out | {"row": "r3", "tokens": []})
    told = capsys.readouterr().out.splitlines()
    assert told[:4] == ["r1", "context[trained]~cut~", "", "r2"]
    assert told[4].startswith("The answer is empty")
    assert told[5:8] == ["context", "", "r3"]
    printer(as_json=True).tokens(left_out)
    assert json.loads(capsys.readouterr().out)["reason"].startswith("The answer is empty")


@pytest.mark.parametrize("proved", [True, False])
def test_a_comparison_carries_its_proof_and_the_warning(proved: bool, capsys: Captured) -> None:
    lanes = {"base": {"text": "b"}, "tuned": {"text": "t"}}
    printer().comparison(lanes | {"base_proved": proved, "step": 4, "tuned_step": 4})
    told = capsys.readouterr().out
    assert ("Do not rely" in told) != proved
    assert "Not medical advice" in told


def test_a_base_that_was_compressed_is_said_to_be_a_copy(capsys: Captured) -> None:
    lanes = {"base": {"text": "b"}, "tuned": {"text": "t"}, "base_proved": True}
    printer().comparison(lanes | {"step": 4, "tuned_step": 4, "quantisation": "nf4, double"})
    told = capsys.readouterr().out
    assert "compressed copy (nf4, double)" in told


def test_an_answer_by_an_older_result_is_said_to_be_one(capsys: Captured) -> None:
    lanes = {"base": {"text": "b"}, "tuned": {"text": "t"}, "base_proved": True}
    printer().comparison(lanes | {"step": 7, "tuned_step": 4})
    assert "result of update 4" in capsys.readouterr().out


def test_progress_is_told_by_tenths_where_nobody_watches(capsys: Captured) -> None:
    speaker = printer()
    for done in range(101):
        speaker.progress({"step": "hash", "done": done, "total": 100, "unit": "bytes"})
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 11)
    assert said.err.splitlines()[-1] == "Reading the model's files: 100 %"


IMPORTED = {
    "dataset": "d",
    "version": "v",
    "imported": 2,
    "mapping": {},
    "skipped": [],
    "unknown": {},
}


def test_what_an_import_skipped_is_named(capsys: Captured) -> None:
    skip = {"row": 3, "column": "answer", "reason": PROBLEM}
    found = IMPORTED | {"skipped": [skip]}
    printer().imported(found)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Added to d: 2 rows; skipped: 1. Version v"
    assert second.startswith('Skipped, row 3, column "answer": The answer is empty')


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("field", ["status", "split"])
def test_words_that_an_import_does_not_know_are_named(
    field: str, language: str, capsys: Captured
) -> None:
    counts = {"final": 1200, "x": 1}
    printer(language).imported(IMPORTED | {"mapping": {field: "Stand"}, "unknown": {field: counts}})
    _, told = capsys.readouterr().out.splitlines()
    assert "Stand" in told
    assert "final (1,200), x (1)" in told
    assert f"--map {field}=" in told

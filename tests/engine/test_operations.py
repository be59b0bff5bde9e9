"""The engine process as its callers meet it, on a tiny model."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core import wire
from studio.core.errors import Fault, UserMistake
from studio.core.rows import Body, Message, Split
from studio.engine.encoding import Encoder
from studio.engine.lessons import Lessons
from studio.engine.opening import Learned, Loaded
from studio.engine.operations import Bench, Cancelled, inspect_folder, tokens
from studio.jobs.engine_client import Engine
from studio.jobs.identity import alive
from studio.jobs.processes import Job, Launcher
from studio.store.run_folder import RunRow
from studio.store.sheets import Sheets
from tests.engine import tiny_models
from tests.tiny_studio import TinyStudio, Trained, until

SAMPLING = {"max_new_tokens": 6, "temperature": 0.0, "seed": 0}


@pytest.fixture(scope="module")
def engine(workers: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    log = tmp_path_factory.mktemp("engine") / "log.txt"
    with Engine(log=log, launcher=workers) as engine:
        yield engine


def folder_of(trained: Trained) -> Path:
    return trained.studio.folder / "runs" / trained.run


def test_a_mistake_comes_back_as_it_was_raised(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UserMistake) as caught:
        engine.call("sheet", folder=str(tmp_path), cache=str(tmp_path / "sheets"))
    assert caught.value.key == "models.no_config"


def test_what_nobody_expected_is_our_fault_and_the_engine_lives_on(engine: Engine) -> None:
    for op, key in (("dance", "engine.unknown_operation"), ("sheet", "engine.broke")):
        with pytest.raises(Fault) as caught:
            engine.call(op)
        assert caught.value.key == key
    assert engine.call("machine_facts")["threads"] >= 1


def test_an_inspection_tells_its_progress_and_keeps_sheet_and_hashes(
    engine: Engine, llama: Path, tmp_path: Path
) -> None:
    kept = {"hashes": str(tmp_path / "hashes.json"), "sheets": str(tmp_path / "sheets")}
    answer = engine.stream("inspect_folder", folder=str(llama), **kept)
    steps = [event["progress"] for event in answer]
    assert steps[-1]["done"] == steps[-1]["total"] == answer.result["bytes"]
    assert Sheets(tmp_path / "sheets").get(llama / "config.json") is not None
    again = engine.stream("inspect_folder", folder=str(llama), **kept)
    assert list(again) == []
    assert again.result == answer.result


def test_work_that_nobody_wants_ends_at_the_next_sign_of_progress(
    llama: Path, tmp_path: Path
) -> None:
    kept = {"hashes": str(tmp_path / "hashes.json"), "sheets": str(tmp_path / "sheets")}
    with pytest.raises(Cancelled):
        list(inspect_folder(Bench(), lambda: True, folder=str(llama), **kept))


BODIES = (
    Body.pair("Why?", "Because."),
    Body(text="Only text."),
    Body.pair("Why?", "  "),
    Body.pair("Why? " * 12, "Because."),
    Body.pair("Why?", "Because. " * 12),
    Body((Message("user", "Why?"), Message("assistant", "So.", train=False))),
)


@pytest.mark.parametrize("limit", [None, 40])
def test_word_pieces_are_shown_as_trained_where_a_run_trains_them(
    limit: int | None, llama: Path, tmp_path: Path
) -> None:
    rows = [RunRow(f"row-{at}", body, Split.TRAIN) for at, body in enumerate(BODIES)]
    asked = [{"row": row.id, "body": row.body.as_json()} for row in rows]
    place = {"folder": str(llama), "cache": str(tmp_path / "sheets")}
    said = list(tokens(Bench(), lambda: False, **place, rows=asked, max_length=limit))
    encoder = Encoder(tiny_models.tokenizer())
    lessons = Lessons.encode(rows, encoder, limit or tiny_models.CONTEXT)
    assert [line["row"] for line in said] == [row.id for row in rows]
    trained = {line["row"]: line["trained"] for line in said if "reason" not in line}
    assert trained == {lesson.row: sum(lesson.labelled) for lesson in lessons.train}
    left_out = [line for line in said if "reason" in line]
    assert len(left_out) == (3 if limit is None else 4)
    named = tuple({"row": line["row"], "reason": line["reason"]} for line in left_out)
    assert named == lessons.left_out
    for line in left_out:
        assert (line["trained"], line["stop_trained"]) == (0, False)
        assert "trained" not in {piece["role"] for piece in line["tokens"]}


def test_each_text_is_counted_as_it_stands_in_a_row(engine: Engine, llama: Path) -> None:
    texts = ["Why?", "", "发烧怎么办", "<|im_end|>", "a " * 500]
    tokenizer = tiny_models.tokenizer()
    plain = {"add_special_tokens": False, "split_special_tokens": True}
    expected = [len(tokenizer.encode(text, **plain)) for text in texts]
    assert engine.call("count", folder=str(llama), texts=texts) == expected


def test_a_tokenizer_stays_at_hand_until_its_files_are_others(llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(llama, folder)
    bench = Bench()
    encoder = bench.encoder(folder)
    assert bench.encoder(folder) is encoder
    os.utime(folder / "tokenizer.json", ns=(1, 2**62))
    changed = bench.encoder(folder)
    assert changed is not encoder
    assert bench.encoder(llama) is not changed


def test_the_pieces_of_an_answer_make_the_whole(engine: Engine, trained: Trained) -> None:
    asked = {"run": str(folder_of(trained)), "prompt": "Why?", "system": "", "sampling": SAMPLING}
    answer = engine.stream("compare", **asked)
    events = list(answer)
    stages = [event["stage"] for event in events if "stage" in event]
    assert stages in (["loading", "answering", "proving"], ["answering", "proving"])
    pieces = [event for event in events if "lane" in event]
    for lane in ("base", "tuned"):
        text = "".join(piece["text"] for piece in pieces if piece["lane"] == lane)
        assert text.strip() == answer.result[lane]["text"]


def test_an_answer_that_is_cancelled_leaves_room_for_the_next(
    engine: Engine, trained: Trained
) -> None:
    long = SAMPLING | {"max_new_tokens": 8000}
    asked = {"run": str(folder_of(trained)), "prompt": "Why?", "system": ""}
    with engine.stream("compare", **asked, sampling=long) as answer:
        next(answer)
    assert engine.call("compare", **asked, sampling=SAMPLING)["base_proved"] is True


def test_a_run_stays_open_until_its_result_is_another(trained: Trained) -> None:
    loaded, run = Loaded(), folder_of(trained)
    opened = loaded.open(Learned.of(run))
    assert loaded.open(Learned.of(run)) is opened
    os.utime(run / "tuned" / "studio.json")
    assert loaded.open(Learned.of(run)) is not opened


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_an_answer_ends_where_the_model_can_take_in_no_more(
    name: str, studio: TinyStudio, tmp_path: Path
) -> None:
    model = tiny_models.save(name, tmp_path / name)
    studio.fill("rows")
    run = studio.train("rows", "--model", model).lines[0]["run"]
    asked = ("--run", run, "--prompt", "Why?", "--max-new-tokens", "400")
    done = studio("compare", *asked)
    assert done.code == 0, done.err
    assert done.json["tuned"]["tokens"] <= tiny_models.CONTEXT
    refused = studio("compare", "--run", run, "--prompt", "word " * 400)
    assert (refused.code, str(tiny_models.CONTEXT) in refused.sentence) == (1, True)


def test_an_engine_whose_caller_is_gone_ends(workers: Launcher, tmp_path: Path) -> None:
    theirs, ours = os.pipe()
    answers, also_theirs = os.pipe()
    job = Job("studio.engine.worker:main", (), tmp_path / "log.txt", (theirs, also_theirs))
    worker = workers.launch(job)
    os.close(theirs)
    os.close(also_theirs)
    with os.fdopen(answers, "rb") as lines:
        assert wire.message(lines.readline()) == {"hello": wire.VERSION}
        os.write(ours, wire.line({"id": 1, "op": "machine_facts", "args": {}}))
        os.close(ours)
    until(lambda: not alive(worker))
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == ""

"""What people get wrong, and what the world does to them: one sentence, the right code, no loss."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from studio.cli import main
from studio.core.rows import Body, NewRow, Status
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.rows import Rows
from tests.engine import tiny_models
from tests.tiny_studio import Outcome, TinyStudio, Trained, until


def assert_refused(done: Outcome, *words: str, code: int = 1) -> None:
    """Nothing on standard output, one sentence with ``words`` on standard error."""
    assert (done.code, done.out) == (code, "")
    assert [word for word in words if word not in done.sentence] == []


def put(studio: TinyStudio, dataset: str, *rows: tuple[str, Status]) -> None:
    """Rows of that text and status, as people write them in the page."""
    database = Database(studio.folder / "studio.db")
    home = Datasets(database).create(dataset)
    drafts = [NewRow(Body.pair(f"Say {text}.", text), status) for text, status in rows]
    Rows(database).add(home.id, drafts, key=dataset)


def test_an_empty_dataset_teaches_nothing(studio: TinyStudio) -> None:
    studio.fill("rows", 1)
    put(studio, "empty")
    assert_refused(studio.train("empty"), "empty")
    assert studio.runs() == []


def test_drafts_wait_and_are_counted(studio: TinyStudio) -> None:
    studio.fill("rows", 1)
    put(studio, "new", ("a", Status.DRAFT), ("b", Status.DRAFT), ("c", Status.FLAGGED))
    assert_refused(studio.train("new"), "new", "2 drafts", "1 flagged")
    assert studio.runs() == []


def test_what_is_not_ready_is_left_out_and_said(studio: TinyStudio) -> None:
    studio.fill("rows", 1)
    put(studio, "some", ("a", Status.DRAFT), ("b", Status.READY), ("c", Status.READY))
    done = studio.train("some")
    assert done.code == 0
    assert done.lines[0]["rows"] + done.lines[0]["check_rows"] == 2
    assert "drafts: 1, flagged rows: 0" in done.sentence


def test_one_ready_row_trains_and_nothing_is_held_back(studio: TinyStudio) -> None:
    for number in range(4):  # whatever the salt of the dataset says
        studio.fill(f"rows{number}", 1)
        start = studio.train(f"rows{number}", steps=1).lines[0]
        assert (start["rows"], start["check_rows"]) == (1, 0)


def test_a_long_row_is_cut_and_a_prompt_that_fills_all_is_left_out(studio: TinyStudio) -> None:
    studio.put(
        "rows",
        [
            {"prompt": "Short?", "response": "Yes."},
            {"prompt": "Long?", "response": "word " * 400},
            {"prompt": "word " * 400, "response": "No."},
        ],
    )
    done = studio.train("rows", "--train-set", "check=0")
    start = done.lines[0]
    assert (done.code, start["rows"], start["cut_rows"]) == (0, 2, 1)
    (left,) = start["left_out"]
    assert left["row"]
    assert "256" in left["reason"]
    for_people = studio.say(*studio.order("rows", "--train-set", "check=0")).out
    assert left["reason"] in for_people
    alone = studio.put("alone", [{"prompt": "word " * 400, "response": "No."}])
    nothing = studio.train(alone)
    assert nothing.code == 1
    assert nothing.lines[0].items() >= {"event": "start", "run": studio.runs()[-1]}.items()
    assert nothing.lines[-1]["reason"] == nothing.sentence


def test_an_empty_answer_is_skipped_with_its_place_and_reason(
    studio: TinyStudio, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "response": "b"}\n{"prompt": "c", "response": " "}\n')
    skip = {"row": 2, "column": "response", "reason": "The answer is empty"}
    (found,) = studio("data", "import", file, "--dataset", "rows").json["skipped"]
    assert found["reason"].startswith(skip["reason"])
    assert {**found, "reason": skip["reason"]} == skip
    (found,) = studio("data", "import", file, "--dataset", "rows", "--lang", "zh").json["skipped"]
    assert "回答" in found["reason"]


NOT_ONE_ROW: dict[str, tuple[str, bytes, str]] = {
    "nothing": ("rows.csv", b"", "empty"),
    "a mark": ("rows.csv", b"\xef\xbb\xbf", "no rows"),
    "blank lines": ("rows.jsonl", b"\n\n", "no rows"),
    "a header": ("rows.csv", b"prompt,response\n", "no rows"),
    "zero bytes": ("rows.csv", bytes(300), "zero byte"),
    "bytes": ("rows.jsonl", bytes(range(256)), "not valid"),
    "a picture": ("rows.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "zero byte"),
    "a database": ("rows.jsonl", b"SQLite format 3\x00\x10\x00", "not text"),
    "a spreadsheet": ("rows.xlsx", b"PK\x03\x04\x14\x00", "Excel"),
    "broken lines": ("rows.jsonl", b'{"prompt": \n{"prompt"\n', "Line 1"),
    "empty answers": ("rows.csv", b"prompt,response\na,\nb, \n", "answer is empty"),
    "no answer": ("rows.jsonl", b'{"prompt": "a", "response": null}\n', "response"),
}


@pytest.mark.parametrize("file", NOT_ONE_ROW)
def test_a_file_without_a_good_row_is_refused_and_makes_no_dataset(
    file: str, studio: TinyStudio, tmp_path: Path
) -> None:
    name, data, word = NOT_ONE_ROW[file]
    (tmp_path / name).write_bytes(data)
    words = ("data", "import", tmp_path / name, "--dataset", "rows")
    refused = studio(*words)
    assert_refused(refused, word)
    assert refused.err.count("\n") == 1
    for_people = studio.say(*words, "--lang", "zh")
    assert_refused(for_people)
    assert any("\u4e00" <= character <= "\u9fff" for character in for_people.sentence)
    assert studio("data", "list").json == []


def test_a_file_without_a_good_row_changes_no_dataset(studio: TinyStudio, tmp_path: Path) -> None:
    before = studio("data", "show", studio.fill("rows", 2)).json
    (tmp_path / "more.csv").write_text("prompt,response\na,\n", encoding="utf-8")
    assert_refused(studio("data", "import", tmp_path / "more.csv", "--dataset", "rows"), "row 2")
    assert studio("data", "show", "rows").json == before


@pytest.mark.parametrize("lr", ["0", "-1", "1e9", "fast", "NaN", "true"])
def test_a_learning_rate_that_is_none_is_refused(lr: str, trained: Trained) -> None:
    refused = trained.studio.train("rows", f"--train-set=lr={lr}")
    assert_refused(refused, "lr", "> 0")
    assert trained.studio.runs() == [trained.run]


@pytest.mark.parametrize(
    ("r", "word"), [("0", "r = 0"), ("33", "33"), ("1.5", "whole"), ("x", "x")]
)
def test_a_rank_that_fits_no_layer_is_refused(r: str, word: str, trained: Trained) -> None:
    assert_refused(trained.studio.train("rows", "--set", f"r={r}"), word)
    words = ("--model", trained.studio.model, "--method", "lora", "--set", f"r={r}")
    assert_refused(trained.studio("cost", *words), word)
    assert trained.studio.runs() == [trained.run]


def test_all_that_is_wrong_is_said_at_once(trained: Trained) -> None:
    wrong = ("--train-set=batch=0", "--train-set=speed=9", "--train-set=schedule=up")
    assert_refused(trained.studio.train("rows", *wrong), "batch", "speed", "schedule")


def test_a_loss_that_is_no_number_stops_the_run_at_once_and_names_the_rows(
    studio: TinyStudio, llama: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(llama, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 3] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    studio.fill("rows")
    done = studio.train("rows", "--model", broken)
    assert done.code == 4
    assert [event["event"] for event in done.lines] == ["start", "end"]
    end = done.lines[-1]
    assert (end["status"], end["step"], end["reason"]) == ("failed", 0, done.sentence)
    held = (studio.folder / "runs" / done.lines[0]["run"] / "rows.jsonl").read_text("utf-8")
    ids = [json.loads(line)["id"] for line in held.splitlines()]
    assert any(row in done.sentence for row in ids)
    shown = studio.show(done.lines[0]["run"])
    assert (shown["status"], shown["reason"]) == ("failed", done.sentence)


def test_two_processes_import_at_once_and_nothing_is_lost(
    studio: TinyStudio, tmp_path: Path
) -> None:
    files = []
    for number in range(3):
        rows = [{"prompt": f"{number}/{n}?", "response": f"{n}!"} for n in range(300)]
        files.append(tmp_path / f"{number}.jsonl")
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    writers = [studio.process("data", "import", file, "--dataset", "rows") for file in files]
    said = [(*writer.communicate(timeout=60), writer.returncode) for writer in writers]
    assert [(err, code) for _, err, code in said] == [("", 0)] * 3
    assert [json.loads(out)["imported"] for out, _, _ in said] == [300] * 3
    shown = studio("data", "show", "rows").json
    assert shown["status"]["ready"] == 900
    assert len(studio("data", "list").json) == 1


def test_a_model_that_has_changed_is_not_trained_on(
    studio: TinyStudio, llama: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(llama, model)
    studio.fill("rows")
    run = studio.start("rows", "--model", str(model))
    assert studio("run", "pause", run).code == 0
    paused = studio.show(run)
    whole = (model / "model.safetensors").read_bytes()
    tiny_models.build("llama").half().save_pretrained(model)
    for words in (("resume", run), ("resume", run, "--detach")):
        refused = studio("run", *words)
        assert (refused.code, str(model) in refused.sentence) == (1, True)
        assert refused.lines[-1]["event"] == "refused"
        shown = studio.show(run)
        assert shown | {name: paused[name] for name in ("attempt", "exit")} == paused
    (model / "model.safetensors").write_bytes(whole)
    shutil.copy2(llama / "config.json", model)
    shutil.copy2(llama / "generation_config.json", model)
    assert studio("run", "resume", run, "--detach").code == 0
    assert studio("run", "stop", run).json["status"] == "stopped"


def test_an_interrupted_run_that_cannot_go_on_stays_interrupted(
    studio: TinyStudio, llama: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(llama, model)
    studio.fill("rows")
    run = studio.start("rows", "--model", str(model))
    until(lambda: studio.show(run)["step"] > 0)
    studio.kill(run)
    tiny_models.build("llama").half().save_pretrained(model)
    assert studio("run", "resume", run).code == 1
    assert studio.status(run) == "interrupted"
    refused = studio("run", "stop", run)
    assert (refused.code, str(model) in refused.sentence, refused.out) == (1, True, "")
    assert studio.status(run) == "interrupted"


def test_a_folder_that_has_changed_is_a_new_start(
    studio: TinyStudio, llama: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(llama, model)
    studio.fill("rows")
    assert studio.train("rows", "--model", model).code == 0
    tiny_models.build("llama").half().save_pretrained(model)
    assert studio.train("rows", "--model", model).code == 0


UNKNOWN: list[tuple[str, ...]] = [
    ("model", "show", "nowhere"),
    ("data", "show", "nowhere"),
    ("data", "versions", "nowhere"),
    ("data", "export", "nowhere", "out.jsonl"),
    ("cost", "--model", "nowhere", "--method", "lora"),
    ("train", "--model", "nowhere", "--dataset", "rows", "--method", "lora"),
    ("train", "--model", "starter", "--dataset", "nowhere", "--method", "lora"),
    ("train", "--model", "starter", "--dataset", "rows", "--method", "nowhere"),
    ("tokens", "--model", "nowhere", "--dataset", "rows"),
    ("tokens", "--model", "starter", "--dataset", "nowhere"),
    ("tokens", "--model", "starter", "--dataset", "rows", "--row", "nowhere"),
    ("run", "show", "nowhere"),
    ("run", "pause", "nowhere"),
    ("run", "stop", "nowhere"),
    ("run", "resume", "nowhere"),
    ("run", "export", "nowhere"),
    ("compare", "--run", "nowhere", "--prompt", "Hello?"),
    ("model", "add", "./nowhere/at/all"),
    ("model", "add", "nowhere.gguf"),
    ("data", "import", "nowhere.csv", "--dataset", "rows"),
    ("train", "--recipe", "nowhere.json"),
]


@pytest.mark.parametrize("words", UNKNOWN, ids=" ".join)
def test_what_is_not_there_is_named(words: tuple[str, ...], trained: Trained) -> None:
    assert_refused(trained.studio(*words), "nowhere")
    chinese = trained.studio(*words, "--lang", "zh")
    assert_refused(chinese, "nowhere")
    assert any("\u4e00" <= character <= "\u9fff" for character in chinese.sentence)
    assert chinese.err.count("\n") == 1


def test_a_row_of_another_dataset_is_not_shown(trained: Trained) -> None:
    trained.studio.fill("other", 1)
    words = ("tokens", "--model", trained.studio.model, "--dataset")
    row = trained.studio(*words, "other").json["row"]
    assert_refused(trained.studio(*words, "rows", "--row", row), row, "rows")


@pytest.mark.parametrize(
    "recipe",
    ["", "[]", "{}", '{"model": 3}', '{"base": "x"}', '{"questions": [1]}', '{"training": []}'],
)
def test_a_recipe_that_is_none_is_refused(recipe: str, trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(recipe, encoding="utf-8")
    assert_refused(trained.studio("train", "--recipe", file))


@pytest.mark.parametrize("words", [("--set", "r"), ("--train-set", "lr"), ("--train-set", "")])
def test_a_setting_without_a_value_is_refused(words: tuple[str, ...], trained: Trained) -> None:
    assert_refused(trained.studio.train("rows", *words), words[0])


def test_a_map_to_nothing_is_refused(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    words = ("data", "import", file, "--dataset", "maps")
    assert_refused(trained.studio(*words), "a, b")
    assert_refused(trained.studio(*words, "--map", "prompt"), "--map")
    assert_refused(trained.studio(*words, "--map", "prompt=a", "--map", "response=c"), "c")
    assert_refused(trained.studio("data", "show", "maps"), "maps")


def test_a_name_that_is_none_is_refused(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "response": "b"}\n', encoding="utf-8")
    for name in (" ", "x" * 101, "a\nb"):
        assert_refused(trained.studio("data", "import", file, "--dataset", name))
    assert_refused(trained.studio.train("rows", "--name", "x" * 101))
    assert trained.studio.runs() == [trained.run]


def test_a_long_name_of_a_dataset_makes_a_name_of_a_run(studio: TinyStudio) -> None:
    studio.fill("x" * 100, 2)
    assert studio.train("x" * 100, steps=1).code == 0


@pytest.mark.parametrize(
    "words",
    [("--prompt", " "), ("--prompt", "a", "--temperature", "-1"), ("--prompt", "\udc80")],
)
def test_a_question_that_is_none_is_refused(words: tuple[str, ...], trained: Trained) -> None:
    assert_refused(trained.studio("compare", "--run", trained.run, *words))


def test_an_export_to_nowhere_is_refused(trained: Trained, tmp_path: Path) -> None:
    for place in ("nowhere/out.jsonl", "out.xyz"):
        assert_refused(trained.studio("data", "export", "rows", tmp_path / place))
    words = ("rows", tmp_path / "out.jsonl", "--format", "nothing")
    assert_refused(trained.studio("data", "export", *words), "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_result_can_neither_answer_nor_be_exported(studio: TinyStudio) -> None:
    studio.fill("rows")
    run = studio.start("rows")
    studio("run", "pause", run)
    assert_refused(studio("compare", "--run", run, "--prompt", "Hello?"), run)
    assert_refused(studio("run", "export", run), run)


def test_a_data_folder_that_is_none_is_refused(studio: TinyStudio, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    studio.folder = file
    assert_refused(studio("data", "list"), str(file))


def test_a_mistake_of_ours_is_said_in_a_sentence(studio: TinyStudio, capsys: Any) -> None:
    def broken(_: Path | None) -> Any:
        raise RuntimeError("a made-up mistake")

    assert main(["data", "list"], broken) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "a made-up mistake" in said.err
    assert said.err.splitlines()[-1].startswith("The studio made a mistake")

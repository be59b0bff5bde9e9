"""What each command prints for programs: exactly the shapes that others rely on."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from studio.cli import main
from tests.engine import tiny_models
from tests.tiny_studio import TinyStudio, Trained

MODEL = {
    "id": str,
    "folder": str,
    "architecture": str,
    "parameters": int,
    "layers": int,
    "context": int,
    "chat_template": bool,
    "licence": (str, type(None)),
    "bytes": int,
}
STEP = {
    "step": int,
    "epoch": float,
    "loss": float,
    "lr": float,
    "grad_norm": float,
    "tokens": int,
    "labelled": int,
    "seconds": float,
    "memory_bytes": int,
}
HASH = re.compile(r"[0-9a-f]{64}")


def assert_shape(value: dict, shape: dict) -> None:
    """Every key of ``shape`` is there with a value of its type; a bool is no int."""
    for name, kinds in shape.items():
        allowed = kinds if isinstance(kinds, tuple) else (kinds,)
        assert type(value[name]) in allowed, (name, value.get(name))


def test_model_add_list_and_show_say_the_same(studio: TinyStudio) -> None:
    added = studio("model", "add", studio.model)
    assert (added.code, added.err.endswith("100 %\n")) == (0, True)
    assert_shape(added.json, MODEL)
    assert added.json["parameters"] == sum(
        p.numel() for p in tiny_models.build("llama").parameters()
    )
    assert studio("model", "show", added.json["id"]).json == added.json
    assert studio("model", "list").json == [added.json]
    assert studio("model", "add", studio.model).json == added.json


def test_an_import_says_what_came_in_and_what_did_not(studio: TinyStudio, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("frage,antwort\nWarum?,Darum.\nWie?,\n", encoding="utf-8")
    maps = ("--map", "prompt=frage", "--map", "response=antwort")
    done = studio("data", "import", file, "--dataset", "rows", *maps)
    shape = {"dataset": str, "version": str, "imported": int, "skipped": list, "mapping": dict}
    assert_shape(done.json, shape)
    assert done.json["imported"] == 1
    assert done.json["mapping"] == {"prompt": "frage", "response": "antwort"}
    (skip,) = done.json["skipped"]
    assert (skip["row"], skip["column"]) == (3, "antwort")
    assert skip["reason"].startswith("The answer is empty")
    assert HASH.fullmatch(done.json["version"])


def test_a_second_import_appends_and_makes_a_version(studio: TinyStudio, tmp_path: Path) -> None:
    studio.fill("rows", 3)
    again = studio("data", "import", tmp_path / "rows.jsonl", "--dataset", "rows").json
    versions = studio("data", "versions", "rows").json
    assert [version["rows"] for version in versions] == [6, 3]
    assert versions[0]["version"] == again["version"] != versions[1]["version"]
    shown = studio("data", "show", "rows").json
    assert studio("data", "list").json == [shown]
    assert (shown["rows"], shown["version"]) == (6, again["version"])
    assert shown["status"] == {"draft": 0, "ready": 6, "flagged": 0}


@pytest.mark.parametrize("name", ["medical_qa_en", "medical_qa_zh", "tone_en", "tone_zh"])
@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "tsv"])
def test_a_dataset_comes_back_as_it_was_exported(
    name: str, ending: str, studio: TinyStudio, repository: Path, tmp_path: Path
) -> None:
    source = repository / "assets" / "datasets" / f"{name}.jsonl"
    assert studio("data", "import", source, "--dataset", "first").json["skipped"] == []
    written = studio("data", "export", "first", tmp_path / f"out.{ending}")
    assert (written.code, written.json["dataset"]) == (0, "first"), written.err
    again = studio("data", "import", tmp_path / f"out.{ending}", "--dataset", "second").json
    assert (again["imported"], again["skipped"]) == (written.json["rows"], [])
    bodies = []
    for dataset in ("first", "second"):
        file = tmp_path / f"{dataset}.jsonl"
        studio("data", "export", dataset, file, "--format", "openai")
        bodies.append(file.read_text(encoding="utf-8"))
    assert bodies[0] == bodies[1]


def test_a_chinese_spreadsheet_is_understood(studio: TinyStudio, tmp_path: Path) -> None:
    file = tmp_path / "问答.csv"
    file.write_bytes("问题,回答\n什么是高血压？,血压持续高于正常。\n".encode("gb18030"))
    done = studio("data", "import", file, "--dataset", "高血压").json
    assert (done["imported"], done["encoding"]) == (1, "gb18030")
    assert done["mapping"] == {"prompt": "问题", "response": "回答"}
    shown = studio.say("data", "show", "高血压", "--lang", "zh").out
    assert shown.startswith("高血压  ·  共 1 行")


def test_cost_needs_only_a_configuration(studio: TinyStudio, tmp_path: Path) -> None:
    place = tmp_path / "bare"
    place.mkdir()
    (place / "config.json").write_text(
        tiny_models.config("gpt2").to_json_string(), encoding="utf-8"
    )
    done = studio("cost", "--model", place, "--method", "lora", "--set", "r=2")
    parts = ("weights", "gradients", "optimizer", "activations", "loss", "overhead", "peak")
    assert set(done.json["memory_bytes"]) == set(parts)
    shape = {"trainable": int, "total": int, "share": float, "disk_bytes": int}
    assert_shape(done.json, shape | {"counted_in_seconds": float})
    assert done.json["step_seconds"] is done.json["run_seconds"] is None
    assert done.json["share"] == done.json["trainable"] / done.json["total"]
    assert studio("model", "list").json == []


def test_cost_counts_as_peft_does(studio: TinyStudio) -> None:
    from peft import LoraConfig, get_peft_model

    targets = ["q_proj", "down_proj"]
    config = LoraConfig(r=3, target_modules=targets)
    counted = get_peft_model(tiny_models.build("llama"), config).get_nb_trainable_parameters()
    words = ("--set", "r=3", "--set", f"targets={json.dumps(targets)}")
    done = studio("cost", "--model", studio.model, "--method", "lora", *words).json
    assert (done["trainable"], done["total"]) == counted


def test_tokens_come_a_line_a_row(trained: Trained) -> None:
    studio = trained.studio
    done = studio("tokens", "--model", studio.model, "--dataset", "rows")
    assert len(done.lines) == 12
    for row in done.lines:
        assert_shape(row, {"row": str, "tokens": list, "trained": int, "stop_trained": bool})
        assert {piece["role"] for piece in row["tokens"]} == {"context", "trained"}
        assert row["stop_trained"] is True
    answer = [piece["text"] for piece in done.lines[0]["tokens"] if piece["role"] == "trained"]
    assert "".join(answer) == "It is 1, my friend.<|im_end|>"
    wanted = done.lines[3]
    one = studio("tokens", "--model", studio.model, "--dataset", "rows", "--row", wanted["row"])
    assert one.json == wanted


def test_training_says_each_event_in_its_shape(trained: Trained) -> None:
    events = trained.events
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["attempt"] for event in events} == {1}
    by_name = {
        name: [e for e in events if e["event"] == name] for e in events for name in [e["event"]]
    }
    assert events[0]["event"] == "start"
    assert events[0]["run"] == trained.run
    assert [event["step"] for event in by_name["step"]] == [1, 2]
    for event in by_name["step"]:
        assert_shape(event, STEP)
        assert 0 < event["labelled"] < event["tokens"]
    for event in by_name.get("eval", []):  # a few rows may all hash to training
        assert_shape(event, {"step": int, "loss": float})
    for event in by_name.get("sample", []):
        assert_shape(event, {"step": int, "prompt": str, "text": str})
    assert [event["step"] for event in by_name["checkpoint"]] == [1, 2]
    assert (
        events[-1].items()
        >= {"event": "end", "status": "finished", "step": 2, "reason": None}.items()
    )


def test_a_finished_run_is_shown_with_all_that_it_was(trained: Trained) -> None:
    shown = trained.studio.show(trained.run)
    shape = {"run": str, "status": str, "step": int, "recipe": dict, "plan": dict, "curves": dict}
    assert_shape(shown, shape | {"pid": type(None), "tuned_sha256": str, "tuned_is": str})
    assert (shown["run"], shown["status"], shown["step"]) == (trained.run, "finished", 2)
    losses = [event["loss"] for event in trained.events if event["event"] == "step"]
    assert shown["curves"]["loss"] == losses
    assert HASH.fullmatch(shown["tuned_sha256"])
    (listed,) = trained.studio("run", "list").json
    assert listed.items() <= {**shown, **listed}.items()
    assert (listed["run"], listed["status"]) == (trained.run, "finished")


def test_a_comparison_has_both_answers_and_the_proof(trained: Trained) -> None:
    words = ("--prompt", "What is 1 + 2?", "--max-new-tokens", "5")
    done = trained.studio("compare", "--run", trained.run, *words).json
    assert_shape(done, {"prompt": str, "wall_seconds": float, "base_proved": bool})
    assert done["base_proved"] is True
    for lane in ("base", "tuned"):
        assert_shape(done[lane], {"text": str, "tokens": int, "seconds": float})
        assert 0 < done[lane]["tokens"] <= 5
    drawn = ("--temperature", "1.5", "--seed", "3", "--system", "Be brief.")
    first, second = (trained.studio("compare", "--run", trained.run, *words, *drawn) for _ in "12")
    assert first.json["tuned"]["text"] == second.json["tuned"]["text"]


def test_a_save_point_can_answer_in_the_place_of_the_result(trained: Trained) -> None:
    (*_, last) = trained.studio("run", "show", trained.run).json["checkpoints"]
    words = ("compare", "--run", trained.run, "--prompt", "Hello?", "--max-new-tokens", "3")
    done = trained.studio(*words, "--save-point", str(last)).json
    assert (done["tuned_step"], done["base_proved"]) == (last, True)
    refused = trained.studio(*words, "--save-point", "999")
    assert (refused.code, "999" in refused.sentence) == (1, True)


def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["nothing"], ["train", "--se", "r=1"], ["compare"], ["run", "show"], []):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_every_command_takes_the_common_options_before_and_after_it(studio: TinyStudio) -> None:
    studio.fill("rows", 1)
    before = main(["--json", "--data-dir", str(studio.folder), "data", "list"])
    assert before == 0
    assert studio.say("data", "list", "--json").json == studio("data", "list").json


def test_a_result_nobody_reads_is_no_error(studio: TinyStudio) -> None:
    with studio.process("data", "list") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "studio", "--help"], capture_output=True, text=True, check=True
    )
    for name in ("doctor", "model", "data", "cost", "tokens", "train", "run", "compare"):
        assert name in done.stdout


def test_a_diagnosis_names_no_row_no_dataset_no_path_and_no_user(trained: Trained) -> None:
    person = {"USER": "dr-mabuse", "LOGNAME": "dr-mabuse", "HF_ENDPOINT": "clinic.example"}
    with trained.studio.process("doctor", **person) as process:
        said, err = process.communicate(timeout=60)
    told = json.loads(said)
    assert told["engine"]["device"] in ("cpu", "cuda", "mps")
    assert (told["models"], told["datasets"], told["runs"]) == (1, 1, 1)
    assert "HF_ENDPOINT" in told["set_in_environment"]
    private = ("my friend", '"rows"', "/", "dr-mabuse", "clinic", trained.run, "llama")
    for text in (said + err, trained.studio.say("doctor").out):
        assert [word for word in private if word in text] == []


def test_the_recipe_that_is_shown_gives_the_run_again(trained: Trained, tmp_path: Path) -> None:
    shown = trained.studio.show(trained.run)
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(shown["recipe"]), encoding="utf-8")
    with fresh_copy(trained, tmp_path) as studio:
        again = studio("train", "--recipe", file)
        assert again.code == 0, again.err
        twin = studio.show(again.lines[0]["run"])
        assert twin["tuned_sha256"] == shown["tuned_sha256"]
        assert {**twin["recipe"], "created": ""} == {**shown["recipe"], "created": ""}
        other = studio("train", "--recipe", file, "--set", "r=2", "--train-set", "steps=1")
        changed = studio.show(other.lines[0]["run"])["recipe"]
        assert (changed["knobs"]["r"], changed["training"]["steps"]) == (2, 1)
        assert changed["training"]["lr"] == shown["recipe"]["training"]["lr"]


def test_a_recipe_may_name_model_and_dataset_and_leave_the_rest(
    trained: Trained, tmp_path: Path
) -> None:
    words = {"model": str(trained.studio.model), "dataset": "rows", "method": "lora"}
    file = tmp_path / "recipe.json"
    file.write_text(
        json.dumps({**words, "training": {"steps": 1}, "name": "我的"}), encoding="utf-8"
    )
    with fresh_copy(trained, tmp_path) as studio:
        done = studio("train", "--recipe", file, "--method", "full")
        assert done.code == 0, done.err
        shown = studio.show("我的")
        assert (shown["run"], shown["recipe"]["method"]) == (done.lines[0]["run"], "full")


@contextmanager
def fresh_copy(trained: Trained, place: Path) -> Iterator[TinyStudio]:
    """The studio of ``trained`` with its rows, models and runs, to be changed."""
    folder = place / "data"
    shutil.copytree(trained.studio.folder, folder)
    studio = TinyStudio(folder, trained.studio.model, trained.studio.launcher)
    yield studio
    studio.clear()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_people_are_answered_in_their_language(language: str, trained: Trained) -> None:
    def say(*words: str) -> str:
        return trained.studio.say(*words, "--lang", language).out

    said = [
        say("model", "list"),
        say("model", "show", trained.studio("model", "list").json[0]["id"]),
        say("data", "list"),
        say("data", "show", "rows"),
        say("data", "versions", "rows"),
        say("run", "list"),
        say("run", "show", trained.run),
        say("cost", "--model", str(trained.studio.model), "--method", "full"),
        say("compare", "--run", trained.run, "--prompt", "Hello?", "--max-new-tokens", "3"),
    ]
    for text in said:
        assert text.strip()
        assert "cli." not in text, "a sentence is missing or does not fit its facts"
        chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
        assert chinese or language == "en" or text == said[0]

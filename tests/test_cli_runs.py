"""Runs from the command line: pausing, killing, resuming, ending, taking turns, exporting."""

import json
import os
import resource
import shutil
import signal
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.engine import tiny_models
from tests.tiny_studio import TinyStudio, Trained, until

QUESTION = "What is 1 + 2?"
SAVE_OFTEN = ("--train-set", "save_every=5", "--set", "dropout=0.1")


def undisturbed(studio: TinyStudio, steps: int) -> str:
    """The hash of the result of a run on ``rows`` that nobody disturbs."""
    events = studio.train("rows", *SAVE_OFTEN, steps=steps).lines
    return str(studio.show(events[0]["run"])["tuned_sha256"])


def seconds_of_children() -> float:
    """What ended children have used of a CPU; how busy the machine is does not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def progress(studio: TinyStudio, run: str) -> int:
    return int(studio.show(run)["step"])


def test_the_whole_loop_takes_less_than_forty_seconds(llama: Path, studio: TinyStudio) -> None:
    before = seconds_of_children()

    def run(*words: str | Path) -> list[dict]:
        with studio.process(*words) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return [json.loads(line) for line in out.splitlines()]

    model = run("model", "add", llama)[0]["id"]
    file = Path(__file__).parents[1] / "assets" / "datasets" / "tone_en.jsonl"
    run("data", "import", file, "--dataset", "tone")
    words = ("--model", model, "--dataset", "tone", "--method", "lora", "--train-set", "steps=3")
    started = run("train", *words)[0]["run"]
    asked = ("--run", started, "--prompt", "How do I boil an egg?", "--max-new-tokens", "5")
    assert run("compare", *asked)[0]["base_proved"] is True
    run("run", "export", started)
    trained = json.loads((studio.folder / "runs" / started / "exit.json").read_bytes())
    assert trained["code"] == 0
    assert seconds_of_children() - before < 40


def test_ctrl_c_pauses_and_a_resume_ends_as_if_nothing_had_been(studio: TinyStudio) -> None:
    studio.fill("rows")
    with studio.process(
        *studio.order("rows", "--model", studio.add(), *SAVE_OFTEN, steps=150)
    ) as process:
        assert process.stdout is not None
        events = [json.loads(process.stdout.readline()) for _ in range(6)]
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("Pausing: ")
    end = json.loads(rest.splitlines()[-1])
    assert (end["event"], end["status"]) == ("end", "paused")
    run = events[0]["run"]
    shown = studio.show(run)
    assert (shown["status"], shown["pid"], shown["tuned_sha256"]) == ("paused", None, None)
    assert 0 < shown["step"] < 150
    resumed = studio("run", "resume", run)
    assert resumed.code == 0
    first, *_, last = resumed.lines
    assert first.items() >= {"event": "resume", "step": shown["step"], "lost": 0}.items()
    assert (last["status"], last["step"], last["attempt"]) == ("finished", 150, 2)
    assert studio.show(run)["tuned_sha256"] == undisturbed(studio, 150)


def test_a_second_ctrl_c_leaves_while_the_pause_goes_on(studio: TinyStudio) -> None:
    studio.fill("rows")
    with studio.process(*studio.order("rows", "--model", studio.add(), steps=5000)) as process:
        assert process.stdout is not None
        run = json.loads(process.stdout.readline())["run"]
        pid = studio.show(run)["pid"]
        os.kill(pid, signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        until_noted(process, "Ctrl-C")
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(30) == 130
    assert studio.status(run) == "running"
    os.kill(pid, signal.SIGCONT)
    until(lambda: studio.status(run) == "paused")


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_before_the_trainer_has_spoken_leaves_a_start_line_that_names_the_run(
    presses: int, studio: TinyStudio
) -> None:
    with mute(studio) as (process, run):
        process.send_signal(signal.SIGINT)
        until_noted(process, "Ctrl-C")
        if presses == 2:
            process.send_signal(signal.SIGINT)
        else:
            os.kill(studio.show(run)["pid"], signal.SIGCONT)
        lines = [json.loads(line) for line in process.stdout or ()]
        assert process.wait(60) == 130
    assert lines[0] == {"event": "start", "run": run, "seq": 0, "attempt": 1}
    assert [line.get("status") for line in lines[1:]] == ["paused"] * (presses == 1)
    studio.clear()
    resumed = studio("run", "resume", run)
    assert (resumed.code, resumed.lines[-1]["status"]) == (0, "finished"), resumed.err


def test_a_trainer_that_dies_at_once_leaves_a_start_line_that_names_the_run(
    studio: TinyStudio,
) -> None:
    with mute(studio) as (process, run):
        studio.kill(run)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["run"]) == (4, run)
    assert err.splitlines()[-1].startswith(f"The trainer of run {run} ended")


def until_noted(process: "subprocess.Popen[str]", words: str) -> None:
    """Wait until a remark for people has these words."""
    stderr = process.stderr
    assert stderr is not None
    until(lambda: words in stderr.readline())


@contextmanager
def mute(studio: TinyStudio) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A command that trains, and its run, whose trainer stands still before its first word."""
    studio.fill("rows")
    model = studio.add()
    with studio.process(*studio.order("rows", "--model", model, steps=2)) as process:
        signed = until_there(studio.folder / "runs", "*/process.json")
        os.kill(json.loads(signed.read_bytes())["trainer"]["pid"], signal.SIGSTOP)
        assert not (signed.parent / "events.jsonl").exists()
        yield process, signed.parent.name


def until_there(folder: Path, pattern: str) -> Path:
    """The file of that pattern, once it is there."""
    until(lambda: list(folder.glob(pattern)), 60)
    return next(folder.glob(pattern))


def test_a_detached_run_says_its_start_and_lives_on(studio: TinyStudio) -> None:
    studio.fill("rows")
    with studio.process(
        *studio.order("rows", "--model", studio.add(), "--detach", steps=5000)
    ) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    start = json.loads(out)
    assert start["event"] == "start"
    run = start["run"]
    until(lambda: progress(studio, run) > 0)
    shown = studio.show(run)
    assert shown["status"] == "running"
    assert psutil.Process(shown["pid"]).is_running()
    stopped = studio("run", "stop", run).json
    assert (stopped["status"], stopped["pid"]) == ("stopped", None)
    assert studio.show(run)["tuned_sha256"]


def test_a_killed_run_is_interrupted_and_resumes_to_the_same_result(studio: TinyStudio) -> None:
    studio.fill("rows")
    run = studio.start("rows", *SAVE_OFTEN, steps=150)
    until(lambda: progress(studio, run) > 3)
    studio.kill(run)
    shown = studio.show(run)
    assert (shown["status"], shown["pid"]) == ("interrupted", None)
    assert 3 < shown["step"] < 150
    assert studio("run", "resume", run).lines[-1]["status"] == "finished"
    assert studio.show(run)["tuned_sha256"] == undisturbed(studio, 150)


def test_following_a_run_that_is_killed_says_so(studio: TinyStudio) -> None:
    studio.fill("rows")
    with studio.process(*studio.order("rows", "--model", studio.add(), steps=5000)) as process:
        assert process.stdout is not None
        run = json.loads(process.stdout.readline())["run"]
        studio.kill(run)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert f"studio run resume {run}" in err.splitlines()[-1]


def test_what_is_asked_of_a_run_fits_where_it_stands(studio: TinyStudio) -> None:
    studio.fill("rows")
    run = studio.start("rows")
    refused = studio("run", "resume", run)
    assert (refused.code, run in refused.sentence) == (1, True)
    until(lambda: progress(studio, run) > 0)
    paused = studio("run", "pause", run).json
    assert paused["status"] == "paused"
    assert studio("run", "pause", run).code == 1
    again = studio("run", "resume", run, "--detach")
    assert (again.code, again.json["event"]) == (0, "resume")
    stopped = studio("run", "stop", run).json
    assert (stopped["status"], stopped["step"] >= paused["step"]) == ("stopped", True)
    for word in ("pause", "stop"):
        refused = studio("run", word, run)
        assert (refused.code, run in refused.sentence, refused.out) == (1, True, "")


def test_a_paused_run_can_be_stopped_to_keep_what_it_has_learned(studio: TinyStudio) -> None:
    studio.fill("rows")
    run = studio.start("rows")
    until(lambda: progress(studio, run) > 0)
    step = studio("run", "pause", run).json["step"]
    assert studio.show(run)["tuned_sha256"] is None
    stopped = studio("run", "stop", run).json
    assert (stopped["status"], stopped["step"]) == ("stopped", step)
    assert studio.show(run)["tuned_sha256"]


def test_a_finished_run_stays_as_it_is(trained: Trained) -> None:
    before = trained.studio.show(trained.run)
    for word in ("pause", "stop", "resume"):
        refused = trained.studio("run", word, trained.run)
        assert (refused.code, refused.out) == (1, "")
        assert trained.run in refused.sentence
    assert trained.studio.show(trained.run) == before


def test_what_needs_the_device_waits_its_turn(studio: TinyStudio) -> None:
    studio.fill("rows")
    first = studio.train("rows").lines[0]["run"]
    run = studio.start("rows")
    second = studio.train("rows")
    compared = studio("compare", "--run", first, "--prompt", "Hello?")
    exported = studio("run", "export", first)
    for refused in (second, compared, exported):
        assert (refused.code, refused.out) == (1, "")
        assert run in refused.sentence
    assert studio.runs() == [first, run]
    assert {path.name for path in (studio.folder / "runs").iterdir()} == {first, run}


def test_of_two_trainers_asked_for_at_once_one_runs(studio: TinyStudio) -> None:
    studio.fill("rows")
    order = studio.order("rows", "--model", studio.add(), "--detach", steps=5000)
    both = [studio.process(*order) for _ in range(2)]
    said = [(*process.communicate(timeout=60), process.returncode) for process in both]
    out, won = next((out, code) for out, _, code in said if code == 0)
    err, lost = next((err, code) for _, err, code in said if code != 0)
    assert (won, lost) == (0, 1)
    assert studio.runs() == [json.loads(out)["run"]]
    assert err.splitlines()[-1].startswith("The computer is already busy with ")


@pytest.mark.parametrize(
    ("name", "method"),
    [("llama", "full"), ("gpt2", "full"), ("llama", "last_layers"), ("llama", "bitfit")],
)
def test_a_merged_export_is_a_model_that_answers_as_tuned(
    name: str, method: str, studio: TinyStudio, tmp_path: Path
) -> None:
    run = taught(studio, tiny_models.save(name, tmp_path / name), method)
    merged, tokenizer = exported(studio, run, tmp_path / "out")
    told = answers(studio, run)
    assert (answer(merged, tokenizer), told["base_proved"]) == (told["tuned"]["text"], True)
    refused = studio("run", "export", run, "--as", "adapter", "--to", tmp_path / "adapter")
    assert (refused.code, method in refused.sentence) == (1, True)


def test_a_prompt_that_was_learned_is_an_adapter_that_answers_as_tuned(
    studio: TinyStudio, tmp_path: Path
) -> None:
    run = taught(studio, tiny_models.save("llama", tmp_path / "llama"), "prompt_tuning")
    assert studio("run", "export", run, "--to", tmp_path / "adapter").json["form"] == "adapter"
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "llama", dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    told = answers(studio, run)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Position ids are not supported")  # PEFT drops its own
        found = answer(peft, AutoTokenizer.from_pretrained(tmp_path / "adapter"))
    assert (found, told["base_proved"]) == (told["tuned"]["text"], True)
    refused = studio("run", "export", run, "--as", "merged", "--to", tmp_path / "merged")
    assert (refused.code, "adapter" in refused.sentence) == (1, True)


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_adapter_and_merged_export_give_the_same_logits_through_their_own_libraries(
    name: str, studio: TinyStudio, tmp_path: Path
) -> None:
    run = taught(studio, tiny_models.save(name, tmp_path / name), "lora")
    merged, tokenizer = exported(studio, run, tmp_path / "out")
    assert studio("run", "export", run, "--to", tmp_path / "adapter").json["form"] == "adapter"
    base = AutoModelForCausalLM.from_pretrained(tmp_path / name, dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    ids = torch.arange(3, 40)[None]
    with torch.no_grad():
        torch.testing.assert_close(peft(ids).logits, merged(ids).logits, rtol=1e-5, atol=1e-5)
        with peft.disable_adapter():
            assert not torch.allclose(peft(ids).logits, merged(ids).logits, atol=1e-3)
    assert answer(peft, tokenizer) == answer(merged, tokenizer)
    assert answer(merged, tokenizer) == answers(studio, run)["tuned"]["text"]


def test_an_export_carries_card_and_licence_and_no_path(
    studio: TinyStudio, llama: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(llama, model)
    (model / "LICENSE").write_text("Do good.", encoding="utf-8")
    run = taught(studio, model, "lora")
    for form in ("adapter", "merged"):
        done = studio("run", "export", run, "--as", form).json
        folder = Path(done["folder"])
        assert folder == studio.folder / "exports" / f"{run}-{form}"
        assert (folder / "LICENSE").read_text(encoding="utf-8") == "Do good."
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "Not medical advice" in card
        assert "不得用于诊疗" in card
        held = [file for file in folder.iterdir() if str(tmp_path).encode() in file.read_bytes()]
        assert held == []
    assert "already" in studio("run", "export", run).sentence


def test_an_export_that_cannot_be_written_is_refused(trained: Trained, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for form, to in (("nothing", tmp_path / "a"), ("adapter", file / "b"), ("adapter", tmp_path)):
        refused = trained.studio("run", "export", trained.run, "--as", form, "--to", to)
        assert (refused.code, refused.out) == (1, "")
        assert refused.sentence


def taught(studio: TinyStudio, model: Path, method: str) -> str:
    """The id of a finished run on ``model``."""
    studio.fill("rows")
    done = studio.train("rows", "--model", model, method=method, steps=4)
    assert done.code == 0, done.err
    return str(done.lines[0]["run"])


def exported(studio: TinyStudio, run: str, to: Path) -> tuple[Any, Any]:
    """The merged model and its tokenizer, as transformers loads them."""
    assert studio("run", "export", run, "--as", "merged", "--to", to).code == 0
    model = AutoModelForCausalLM.from_pretrained(to, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(to)


def answer(model: Any, tokenizer: Any) -> str:
    """What ``model`` says to the question of :func:`answers`, by transformers' own ``generate``."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTION}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    told = model.generate(**prompt, max_new_tokens=8, do_sample=False)
    new = told[0, prompt["input_ids"].shape[1] :]
    return str(tokenizer.decode(new, skip_special_tokens=True)).strip()


def answers(studio: TinyStudio, run: str) -> dict[str, Any]:
    asked = ("--prompt", QUESTION, "--max-new-tokens", "8")
    return dict(studio("compare", "--run", run, *asked).json)

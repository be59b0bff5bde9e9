"""Exports in this process; that their own libraries load them is tested with the commands."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Message
from studio.engine.export import export_run
from studio.engine.opening import Learned, Loaded, Opened
from studio.engine.trainer import main as train
from tests.engine.tiny_runs import new_run, tiny_base

NAMES = ("llama", "gpt2", "phi", "mixtral")


def open_run(path: Path) -> Opened:
    return Loaded().open(Learned.of(path))


def trained_run(place: Path, name: str, method: str) -> Opened:
    """A finished run on the tiny model ``name``, opened."""
    run = new_run(place / "runs" / "r", tiny_base(place / "base", name), method=method)
    assert train(str(run.path)) == 0
    return open_run(run.path)


MERGED = [(name, method) for name in NAMES for method in ("lora", "full", "last_layers", "bitfit")]
MERGED.remove(("mixtral", "bitfit"))


@pytest.mark.parametrize(("name", "method"), MERGED)
def test_a_merged_model_has_the_logits_of_the_tuned_lane(
    name: str, method: str, tmp_path: Path
) -> None:
    opened = trained_run(tmp_path, name, method)
    model, ids = opened.pair.installed.model, torch.arange(3, 40)[None]
    voices = opened.pair.voices(("base", "tuned"))
    wanted = voices.advance({"base": ids[0].tolist(), "tuned": ids[0].tolist()})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    export_run(opened, "merged", tmp_path / "out")
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    with torch.no_grad():
        logits = merged(ids).logits[0, -1]
    torch.testing.assert_close(logits, wanted["tuned"], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(logits, wanted["base"], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "method", "key"),
    [
        ("qwen3", "bitfit", "export.no_merged_biases"),
        ("mixtral", "bitfit", "export.no_merged_biases"),
        ("llama", "prompt_tuning", "export.no_merged_prompt"),
    ],
)
def test_what_the_architecture_has_no_place_for_is_not_merged(
    name: str, method: str, key: str, tmp_path: Path
) -> None:
    opened = trained_run(tmp_path, name, method)
    model = opened.pair.installed.model
    before, config = model.state_dict(), model.config
    with pytest.raises(Refusal) as caught:
        export_run(opened, "merged", tmp_path / "out")
    assert caught.value.key == key
    assert not (tmp_path / "out").exists()
    assert model.state_dict().keys() == before.keys()
    assert model.config is config


def test_an_exported_prompt_is_loaded_by_peft(tmp_path: Path) -> None:
    opened = trained_run(tmp_path, "llama", "prompt_tuning")
    export_run(opened, "adapter", tmp_path / "out")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    theirs, ids = PeftModel.from_pretrained(base, tmp_path / "out"), list(range(3, 40))
    with torch.no_grad():
        logits = theirs(torch.tensor([ids])).logits[0, -1]
        ours = opened.pair.voices(("tuned",)).advance({"tuned": ids})["tuned"]
    torch.testing.assert_close(logits, ours, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A finished LoRA run; only to be exported."""
    return trained_run(tmp_path_factory.mktemp("export"), "llama", "lora")


def test_an_adapter_is_the_result_with_tokenizer_and_card(opened: Opened, tmp_path: Path) -> None:
    export_run(opened, "adapter", tmp_path / "a" / "b")
    names = {file.name for file in (tmp_path / "a" / "b").iterdir()}
    assert names >= {file.name for file in opened.run.tuned.iterdir()}
    assert names >= {"tokenizer.json", "chat_template.jinja", "README.md"}
    card = (tmp_path / "a" / "b" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nbase_model: tiny\nlibrary_name: peft\n")
    assert "Method: lora (r 4, dropout 0.1)" in card
    config = json.loads((tmp_path / "a" / "b" / "adapter_config.json").read_bytes())
    assert config["base_model_name_or_path"] == "tiny"


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(
    opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    cases = [
        ("zip", tmp_path / "out", UserMistake, "export.form"),
        ("adapter", tmp_path, Refusal, "export.exists"),
        ("adapter", tmp_path / "file" / "out", UserMistake, "export.unwritable"),
    ]
    for form, target, kind, key in cases:
        with pytest.raises(kind) as caught:
            export_run(opened, form, target)
        assert caught.value.key == key
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("method", ["full", "last_layers", "bitfit"])
def test_a_method_that_changes_the_model_has_no_adapter(method: str, tmp_path: Path) -> None:
    opened = trained_run(tmp_path, "llama", method)
    with pytest.raises(Refusal) as caught:
        export_run(opened, "adapter", tmp_path / "out")
    assert caught.value.key == "export.no_adapter"


def test_a_run_without_a_result_is_not_opened(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs" / "r", tiny_base(tmp_path / "base"))
    with pytest.raises(Refusal) as caught:
        open_run(run.path)
    assert caught.value.key == "run.no_result"


def test_a_run_on_another_base_is_not_opened(tmp_path: Path) -> None:
    opened = trained_run(tmp_path, "llama", "lora")
    tiny_base(tmp_path / "base", "phi")
    with pytest.raises(Refusal) as caught:
        open_run(opened.run.path)
    assert caught.value.key == "models.changed"


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_the_plain_template_goes_along_with_what_was_learned_in_it(
    form: str, tmp_path: Path
) -> None:
    base = tiny_base(tmp_path / "base", "llama")
    (base / "chat_template.jinja").unlink()
    run = new_run(tmp_path / "runs" / "r", base, method="lora")
    assert train(str(run.path)) == 0
    opened = open_run(run.path)
    assert opened.pair.encoder.plain_template
    export_run(opened, form, tmp_path / "out")
    told = [{"role": "user", "content": "Hi"}]
    theirs = AutoTokenizer.from_pretrained(tmp_path / "out")
    ids = theirs.apply_chat_template(told, add_generation_prompt=True, return_dict=False)
    assert tuple(ids) == opened.pair.encoder.prompt([Message("user", "Hi")])
    plan = run.plan()
    assert plan is not None
    assert plan.template_hash == opened.pair.encoder.template_hash

"""Models in memory: exactly those of the folder, frozen, silent, and refused where not whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from studio.core.errors import Refusal, UserMistake
from studio.engine import loading
from studio.engine.loading import load_model, load_tokenizer
from studio.engine.sheet_reader import read_sheet
from tests.engine import tiny_models

IDS = torch.tensor([[1, 7, 30, 200, 5]])


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_the_model_is_that_of_the_folder_and_frozen(name: str, tmp_path: Path) -> None:
    original = tiny_models.build(name)
    model = load_model(tiny_models.save(name, tmp_path), dtype="float32")
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model(IDS).logits, original(IDS).logits)


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_half_precision_rounds_every_weight_once(name: str, tmp_path: Path) -> None:
    original = tiny_models.build(name)
    model = load_model(tiny_models.save(name, tmp_path), dtype="bfloat16")
    for there, here in zip(original.parameters(), model.parameters(), strict=True):
        assert torch.equal(here, there.to(torch.bfloat16))


def test_the_attention_is_the_one_asked_for(tmp_path: Path) -> None:
    folder = tiny_models.save("llama", tmp_path)
    for attention in ("sdpa", "eager"):
        model = load_model(folder, dtype="float32", attention=attention)
        assert model.config._attn_implementation == attention


def test_an_architecture_without_torchs_attention_loads_with_the_plain_one(tmp_path: Path) -> None:
    for name, attention in (("llama", "sdpa"), ("gemma2", "eager")):
        model = load_model(tiny_models.save(name, tmp_path / name), dtype="float32")
        assert model.config._attn_implementation == attention


def test_of_a_model_that_also_sees_the_text_part_is_loaded(tmp_path: Path) -> None:
    config = Gemma3Config(
        text_config=tiny_models.config("gemma3").to_dict(),
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
        },
        mm_tokens_per_image=4,
    )
    whole = Gemma3ForConditionalGeneration(config).eval()
    whole.save_pretrained(tmp_path)
    model = load_model(tmp_path, dtype="float32")
    assert torch.equal(model(IDS).logits, whole(input_ids=IDS).logits)
    sheet = read_sheet(tmp_path)
    assert {t.name for t in sheet.tensors()} == {
        name for name, _ in model.named_parameters(remove_duplicate=False)
    }


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_missing_tensors_are_named_not_invented(name: str, tmp_path: Path) -> None:
    folder = tiny_models.save(name, tmp_path)
    path = folder / "model.safetensors"
    lost = "model.layers.1.mlp.up_proj.weight"
    tensors = {name: t for name, t in load_file(path).items() if name != lost}
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(UserMistake) as refused:
        load_model(folder, dtype="float32")
    assert refused.value.key == "models.missing_weights"
    assert refused.value.facts == {"file": "model.safetensors", "tensor": lost, "count": 1}


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    folder = tiny_models.save("llama", tmp_path)
    config = folder / "config.json"
    data = json.loads(config.read_text(encoding="utf-8")) | {"intermediate_size": 64}
    config.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UserMistake) as refused:
        load_model(folder, dtype="float32")
    assert refused.value.key == "models.unloadable"


def test_a_tokenizer_that_is_damaged_is_named(tmp_path: Path) -> None:
    folder = tiny_models.save("llama", tmp_path)
    (folder / "tokenizer.json").write_text('{"model": {}}', encoding="utf-8")
    with pytest.raises(UserMistake) as refused:
        load_tokenizer(folder)
    assert refused.value.key == "models.bad_tokenizer"
    assert refused.value.facts["file"] == "tokenizer.json"


def test_a_tokenizer_of_a_larger_model_is_refused(tmp_path: Path) -> None:
    folder = tiny_models.save("llama", tmp_path)
    config = folder / "config.json"
    data = json.loads(config.read_text(encoding="utf-8")) | {"vocab_size": 100}
    config.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UserMistake) as refused:
        load_tokenizer(folder)
    assert refused.value.key == "models.other_tokenizer"
    assert refused.value.facts["known"] == 100


def test_loading_says_nothing(tmp_path: Path) -> None:
    folder = tiny_models.save("phi", tmp_path)
    code = (
        "import pathlib, sys\n"
        "from studio.engine.loading import load_model, load_tokenizer\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "load_model(folder, dtype='bfloat16')\n"
        "load_tokenizer(folder)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, check=True, text=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_memory_that_does_not_suffice_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "read_weights", lambda *_, **__: torch.empty(1 << 50))
    with pytest.raises(Refusal) as raised:
        load_model(tiny_models.save("llama", tmp_path), dtype="float32")
    assert raised.value.key == "models.no_memory"

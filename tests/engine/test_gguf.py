"""GGUF files unpacked: equal to llama.cpp's own arithmetic, complete or not there at all."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from studio.core.errors import UserMistake
from studio.engine.gguf import convert
from studio.engine.loading import load_model, load_tokenizer
from studio.engine.model_folder import inspect
from studio.engine.progress import Progress
from studio.store.owners import current
from tests.engine import tiny_gguf, tiny_models
from tests.engine.tiny_gguf import Type


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return tiny_gguf.write(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("packing", [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_1])
def test_the_weights_are_the_unpacked_ones_to_the_bit(packing: Type, tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", packing)
    stored = load_file(convert(path, tmp_path / "model") / "model.safetensors")
    original = dict(tiny_models.build("llama").named_parameters())
    assert set(stored) == set(original)
    for name, parameter in original.items():
        expected = tiny_gguf.unpacked(parameter.detach().numpy(), packing)
        assert stored[name].dtype is torch.float32
        assert np.array_equal(stored[name].numpy(), expected), name


def test_an_unpacked_model_answers_like_the_one_that_was_packed(
    packed: Path, tmp_path: Path
) -> None:
    folder = convert(packed, tmp_path / "model")
    ids = torch.tensor([[1, 7, 30, 200]])
    original = tiny_models.build("llama")
    model = load_model(folder, dtype="float32")
    assert torch.equal(model(ids).logits, original(ids).logits)
    assert model.generation_config.eos_token_id == original.config.eos_token_id


def test_an_absurdly_large_model_is_kept_in_half(packed: Path, tmp_path: Path) -> None:
    stored = load_file(convert(packed, tmp_path / "model", large=1) / "model.safetensors")
    for name, parameter in tiny_models.build("llama").named_parameters():
        assert torch.equal(stored[name], parameter.to(torch.bfloat16))


def test_the_tokenizer_and_its_template_are_those_of_the_file(packed: Path, tmp_path: Path) -> None:
    kept, original = load_tokenizer(convert(packed, tmp_path / "model")), tiny_models.tokenizer()
    for text in ("Ask a doctor.", "高血压", "a<|im_end|>b"):
        assert kept(text)["input_ids"] == original(text)["input_ids"]
    assert kept.chat_template == tiny_models.CHAT_TEMPLATE
    assert kept.eos_token == "<|im_end|>"
    assert kept.model_max_length == tiny_models.CONTEXT


def test_the_folder_is_a_model_like_any_other_with_its_origin(packed: Path, tmp_path: Path) -> None:
    terms = tmp_path / "LICENSE"
    terms.write_text("Terms", encoding="utf-8")
    folder = convert(packed, tmp_path / "model", beside=[terms])
    facts = inspect(folder)
    assert (facts.parameters, facts.licence) == (34_720, "mit")
    assert facts.identity["kind"] == "folder"
    assert (folder / "LICENSE").read_text(encoding="utf-8") == "Terms"
    source = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    assert (source["kind"], source["file"]) == ("gguf", "tiny.gguf")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in config


def test_progress_counts_every_tensor_and_byte_and_never_falls(
    packed: Path, tmp_path: Path
) -> None:
    told: list[Progress] = []
    folder = convert(packed, tmp_path / "model", report=told.append)
    assert list(dict.fromkeys(p.step for p in told)) == ["read", "prepare", "unpack", "write"]
    unpacked = [p.done for p in told if p.step == "unpack"]
    assert unpacked == list(range(len(gguf.GGUFReader(packed).tensors) + 1))
    assert {p.total for p in told if p.step == "unpack"} == {unpacked[-1]}
    assert all(p.done <= p.total for p in told)
    written = load_file(folder / "model.safetensors").values()
    assert told[-1].done == told[-1].total == sum(t.nbytes for t in written)


def test_a_file_is_gone_through_once_and_every_step_of_it_is_told(
    packed: Path, tmp_path: Path
) -> None:
    """Its strings take most of the time where a vocabulary is large."""
    told: list[Progress] = []
    convert(packed, tmp_path / "model", report=told.append)
    read = [p for p in told if p.step == "read"]
    tokenizer = json.loads(tiny_models.tokenizer().backend_tokenizer.to_str())["model"]
    words = len(tokenizer["vocab"]) + len(tokenizer["merges"])
    others = len(gguf.GGUFReader(packed).tensors) + 20
    assert read[0].done == 0
    assert words < read[0].total < words + others + 20
    assert read[-1].done == read[-1].total
    assert {(p.total, p.unit) for p in read} == {(read[0].total, "strings")}
    steps = [p.done for p in read]
    assert steps == sorted(set(steps))
    assert max(b - a for a, b in itertools.pairwise(steps)) <= read[0].total / 20


def test_the_library_is_left_as_it_was(packed: Path, tmp_path: Path) -> None:
    before = (gguf.GGUFReader, gguf.get_tensor_name_map)
    convert(packed, tmp_path / "model")
    packed.write_bytes(b"GGUF")
    refused(packed, "models.gguf_unreadable")
    assert (gguf.GGUFReader, gguf.get_tensor_name_map) == before


def test_a_conversion_that_fails_leaves_nothing(packed: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == "write" and progress.done == progress.total:
            raise KeyboardInterrupt

    models = tmp_path / "models"
    with pytest.raises(KeyboardInterrupt):
        convert(packed, models / "tiny", report=stop)
    assert list(models.iterdir()) == []


def test_what_a_killed_conversion_left_is_removed(packed: Path, tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, check=True, text=True)  # fmt: skip
    dead = tmp_path / f".model.{gone.stdout.strip()}-1-00000000"
    alive = tmp_path / f".other.{os.getpid()}-{current().started}-00000000"
    for left in (dead, alive):
        left.mkdir()
    convert(packed, tmp_path / "model")
    assert not dead.exists()
    assert alive.exists()


def refused(path: Path, key: str) -> UserMistake:
    target = path.parent / "target"
    with pytest.raises(UserMistake) as mistake:
        convert(path, target)
    assert mistake.value.key == key
    assert not target.exists()
    return mistake.value


def test_a_file_that_is_no_whole_gguf_is_named(packed: Path) -> None:
    whole = packed.read_bytes()
    for content in (b"", b"GGUF", b"text, not weights", whole[:100], whole[:-5000]):
        packed.write_bytes(content)
        assert refused(packed, "models.gguf_unreadable").facts["file"] == "tiny.gguf"
    packed.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    refused(packed, "models.lfs_pointer")
    packed.unlink()
    refused(packed, "models.no_file")


def test_a_family_that_transformers_does_not_read_is_refused(tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / "tiny.gguf", architecture="rwkv6")
    assert "rwkv6" in refused(path, "models.gguf_unreadable").facts["reason"]


def test_a_folder_that_is_there_is_not_written_over(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(UserMistake) as mistake:
        convert(packed, tmp_path / "model")
    assert mistake.value.key == "models.already_there"

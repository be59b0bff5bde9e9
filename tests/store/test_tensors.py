import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from studio.core.errors import Fault
from studio.store.tensors import tuned_sha256

TENSORS = {
    "model.layers.10.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7,
    "model.layers.9.weight": torch.linspace(-3, 3, 8).to(torch.bfloat16),
    "ünïcode": torch.tensor(-5, dtype=torch.int64),
    "none": torch.zeros(0, 4, dtype=torch.float16),
}
DTYPES = {
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.float16: "F16",
}


def expected(tensors: dict[str, torch.Tensor]) -> str:
    """The documented byte form, from tensors in memory."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{json.dumps([name, DTYPES[tensor.dtype], list(tensor.shape)])}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def test_the_hash_is_that_of_the_tensors_that_safetensors_reads(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    with safe_open(tmp_path / "adapter_model.safetensors", framework="pt") as file:
        read = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    assert tuned_sha256(tmp_path) == expected(read) == expected(TENSORS)


def test_files_and_notes_do_not_count(tmp_path: Path) -> None:
    names = list(TENSORS)
    save_file({name: TENSORS[name] for name in names[2:]}, tmp_path / "a.safetensors")
    parts = {name: TENSORS[name] for name in names[:2]}
    save_file(parts, tmp_path / "b.safetensors", metadata={"more": "notes"})
    (tmp_path / "studio.json").write_text("{}", encoding="utf-8")
    assert tuned_sha256(tmp_path) == expected(TENSORS)


@pytest.mark.parametrize(
    "other",
    [
        TENSORS | {"none": torch.zeros(4, 0, dtype=torch.float16)},
        TENSORS | {"ünïcode": torch.tensor(-6, dtype=torch.int64)},
        TENSORS | {"none": torch.zeros(0, 4, dtype=torch.bfloat16)},
        {("other" if name == "none" else name): value for name, value in TENSORS.items()},
        {name: value for name, value in TENSORS.items() if name != "none"},
    ],
    ids=["shape", "value", "dtype", "name", "fewer"],
)
def test_any_difference_shows(tmp_path: Path, other: dict[str, torch.Tensor]) -> None:
    save_file(other, tmp_path / "a.safetensors")
    assert tuned_sha256(tmp_path) == expected(other) != expected(TENSORS)


def test_without_tensors_there_is_no_hash(tmp_path: Path) -> None:
    assert tuned_sha256(tmp_path) is None
    assert tuned_sha256(tmp_path / "missing") is None


@pytest.mark.parametrize("kept", [0, 4, 60, -1])
def test_a_file_that_is_cut_off_is_a_fault_naming_it(tmp_path: Path, kept: int) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors")
    size = (tmp_path / "a.safetensors").stat().st_size
    os.truncate(tmp_path / "a.safetensors", kept % size)
    with pytest.raises(Fault) as raised:
        tuned_sha256(tmp_path)
    assert (raised.value.key, raised.value.facts) == ("result.damaged", {"file": "a.safetensors"})


@pytest.mark.parametrize(
    "data", [b"\xff" * 64, b"\2" + bytes(7) + b"[]", b"\x09" + bytes(7) + b'{"a": {}}']
)
def test_a_file_of_another_kind_is_a_fault(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(Fault):
        tuned_sha256(tmp_path)

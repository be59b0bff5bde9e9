"""A GGUF file unpacked, once, into a model folder like any other.

transformers does the reading, so any GGUF that it knows can be converted. The weights are kept in
float32, which holds every unpacked value to the bit; a model that would be absurdly large so is
kept in bfloat16, the type in which large frozen weights compute anyway.
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import (
    AutoTokenizer,
    GgufConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    modeling_gguf_pytorch_utils,
)
from transformers.utils import logging

from studio.core.errors import UserMistake
from studio.engine.configuration import context_of
from studio.engine.gguf_head import config_of, metadata_of, naming, require_file, shape_of
from studio.engine.gguf_reader import reading_once
from studio.engine.identity import SOURCE
from studio.engine.loading import read_weights
from studio.engine.progress import Progress, Report, unheard
from studio.engine.silence import silence
from studio.engine.space import require_space
from studio.store.atomic import ensure_folder, publishing, sweep, write_json, write_text

LARGE = 8 << 30
"""Bytes above which float32 weights are absurdly large."""
_SHARD = "2GB"
# How llama.cpp cuts text for vocabularies of this name, which transformers does not know yet.
_DIGITS_APART = ("smollm",)


def convert(
    path: Path,
    target: Path,
    *,
    report: Report = unheard,
    beside: Collection[Path] = (),
    large: int = LARGE,
) -> Path:
    """Unpack the GGUF file ``path`` into the new model folder ``target`` and return it.

    ``beside`` are files, such as a licence, to be kept in the folder. The folder appears when it
    is complete; what a killed conversion left is removed first. Raises UserMistake for a file that
    is none, is damaged or holds what transformers cannot read; Refusal where the disk is full.
    """
    silence()
    require_file(path)
    if target.exists():
        raise UserMistake("models.already_there", folder=target.name)
    ensure_folder(target.parent)
    sweep(target.parent)
    with (
        naming(path),
        reading_once(lambda done, total: report(Progress("read", done, total, "strings"))),
    ):
        config = config_of(path)
        report(Progress("prepare", 0, 3, "parts"))
        tokenizer = _read_tokenizer(path, config)
        report(Progress("prepare", 1, 3, "parts"))
        count = shape_of(config).total
        report(Progress("prepare", 2, 3, "parts"))
        dtype = torch.float32 if count * 4 <= large else torch.bfloat16
        require_space(target.parent, count * dtype.itemsize)
        model = _unpack(path, config, dtype, report)
    with publishing(target) as folder:
        _save(model, folder, count * dtype.itemsize, report)
        tokenizer.save_pretrained(folder)
        _keep_origin(path, folder, beside)
    return target


def _read_tokenizer(path: Path, config: PreTrainedConfig) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        path.parent, gguf_file=path.name, local_files_only=True
    )
    tokenizer.model_max_length = context_of(config) or tokenizer.model_max_length
    if metadata_of(path).get("tokenizer.ggml.pre") in _DIGITS_APART:
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
    return tokenizer


def _unpack(
    path: Path, config: PreTrainedConfig, dtype: torch.dtype, report: Report
) -> PreTrainedModel:
    with _counting(lambda done, total: report(Progress("unpack", done, total, "tensors"))):
        model = read_weights(
            config,
            path,
            gguf_file=path.name,
            dtype=dtype,
            quantization_config=GgufConfig(dequantize=True),
        )
    model.config.__dict__.pop("quantization_config", None)  # Now it is a model like any other.
    for trace in ("hf_quantizer", "is_quantized", "quantization_method"):
        model.__dict__.pop(trace, None)
    return model


@contextmanager
def _counting(told: Callable[[int, int], None]) -> Iterator[None]:
    """Count the tensors that transformers goes through, where it would draw progress bars.

    It goes through them twice for most families, unpacking and then placing them; only the first
    and slow time counts. Its older reader takes its bars from tqdm itself, past the hook.
    """
    most = -1

    def loop(items: Collection[Any], *_: Any, **__: Any) -> Iterator[Any]:
        nonlocal most
        if most < 0:
            told(most := 0, len(items))
        for done, item in enumerate(items, 1):
            yield item
            if done > most:
                most = done
                told(done, len(items))

    reader = vars(modeling_gguf_pytorch_utils)
    bar = reader["tqdm"]
    hook = logging.set_tqdm_hook(lambda _, given, named: loop(*given, **named))
    reader["tqdm"] = loop
    try:
        yield
    finally:
        reader["tqdm"] = bar
        logging.set_tqdm_hook(hook)


def _save(model: PreTrainedModel, folder: Path, total: int, report: Report) -> None:
    """Write the weights; ``total`` bytes are to come, give or take the headers."""

    def loop(shards: Iterable[Any], *_: Any, **__: Any) -> Iterator[Any]:
        for shard in shards:
            written = sum(path.stat().st_size for path in folder.iterdir())
            report(Progress("write", min(written, total), total, "bytes"))
            yield shard

    hook = logging.set_tqdm_hook(lambda _, given, named: loop(*given, **named))
    try:
        model.save_pretrained(folder, max_shard_size=_SHARD)
    finally:
        logging.set_tqdm_hook(hook)
    report(Progress("write", total, total, "bytes"))


def _keep_origin(path: Path, folder: Path, beside: Collection[Path]) -> None:
    """Where the weights come from and under which licence, for people and for programs."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    metadata = metadata_of(path)
    source = {"kind": "gguf", "file": path.name, "sha256": digest}
    write_json(folder / SOURCE, source)
    card = {
        "license": metadata.get("general.license"),
        "author": metadata.get("general.organization"),
        "model_name": metadata.get("general.name"),
        "source_file": path.name,
        "source_sha256": digest,
    }
    lines = [f"{key}: {value}" for key, value in card.items() if value]
    write_text(folder / "README.md", "\n".join(["---", *lines, "---", ""]))
    for extra in beside:
        shutil.copyfile(extra, folder / extra.name)

"""Which files make a model, and whether they are whole; damage is told by the file's name.

Reads names, indexes and headers, never a weight. Knows nothing of architectures.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from studio.core.errors import UserMistake
from studio.engine.configuration import CONFIG, read_json, refuse_pointer

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
VOCABULARIES = (
    "tokenizer.json",
    "tokenizer.model",
    "tekken.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tiktoken.model",
    "vocab.json",
    "vocab.txt",
)
TEMPLATES = ("chat_template.jinja", "chat_template.json")
# What transformers reads beside the weights, so what the identity of a model covers.
READ = (
    CONFIG,
    "generation_config.json",
    *VOCABULARIES,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    *TEMPLATES,
)
ADAPTER = "adapter_config.json"
_PICKLE = re.compile(r".*\.(bin|pt|pth|ckpt|pkl)", re.IGNORECASE)
_PLAIN = re.compile(r"[\w\-][\w.\-]*\.safetensors")
_TERMS = re.compile(r"(README\.md|(LICEN[CS]E|NOTICE|USE_POLICY)[\w.\-]*)", re.IGNORECASE)


def is_terms(name: str) -> bool:
    """Whether a file of this name says what a model is and may be used for."""
    return _TERMS.fullmatch(name) is not None


def shard_names(weight_map: Mapping[str, Any]) -> tuple[str, ...]:
    """The files that an index names, each once; raises UserMistake for a path among them."""
    names = {str(name): None for name in weight_map.values()}
    for name in names:
        if not _PLAIN.fullmatch(name):
            raise UserMistake("models.index_outside", file=INDEX, path=name)
    return tuple(sorted(names))


def weights_name(names: Iterable[str]) -> str:
    """``model.safetensors`` or its index, whichever stands in ``names``; raises UserMistake."""
    present = sorted(names)
    for name in (WEIGHTS, INDEX):
        if name in present:
            return name
    pickle = next((name for name in present if _PICKLE.fullmatch(name)), None)
    if pickle:
        raise UserMistake("models.pickles_only", file=pickle)
    raise UserMistake("models.no_weights", file=WEIGHTS)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files of the model in ``folder``, all of them there and whole.

    Raises UserMistake naming the file: none, pickles only, a shard that is missing or that lacks
    what the index places in it, an index that points outside, a Git LFS pointer, a damaged header.
    """
    if (folder / ADAPTER).exists():
        raise UserMistake("models.adapter", file=ADAPTER)
    name = weights_name(path.name for path in folder.iterdir())
    if name == WEIGHTS:
        tensor_names(folder / WEIGHTS)
        return (folder / WEIGHTS,)
    placed = weight_map(folder / INDEX)
    shards = tuple(folder / shard for shard in shard_names(placed))
    for shard in shards:
        if not shard.is_file():
            raise UserMistake("models.missing_shard", file=shard.name)
        _check_shard(shard, placed)
    return shards


def weight_map(index: Path) -> Mapping[str, Any]:
    """Tensor name to file name, as ``index`` has it."""
    placed = read_json(index).get("weight_map")
    if not isinstance(placed, dict) or not placed:
        raise UserMistake("models.bad_json", file=index.name)
    return placed


def tensor_names(path: Path) -> frozenset[str]:
    """The tensors in a safetensors file; raises UserMistake naming a file that is damaged."""
    refuse_pointer(path)
    try:
        with safe_open(path, framework="numpy") as file:
            return frozenset(file.keys())
    except SafetensorError as error:
        raise UserMistake("models.damaged", file=path.name) from error


def vocabulary_file(folder: Path) -> Path:
    """The first file that a tokenizer can be read from; raises UserMistake if there is none."""
    for name in VOCABULARIES:
        if (folder / name).is_file():
            refuse_pointer(folder / name)
            return folder / name
    raise UserMistake("models.no_tokenizer", file=VOCABULARIES[0])


def read_files(folder: Path) -> tuple[Path, ...]:
    """Every file that loading reads: configuration, tokenizer and weights, by name."""
    shards = weight_files(folder)
    beside = [folder / name for name in (*READ, INDEX) if (folder / name).is_file()]
    return tuple(sorted({*shards, *beside}))


def _check_shard(shard: Path, placed: Mapping[str, Any]) -> None:
    held = tensor_names(shard)
    for tensor, name in placed.items():
        if name == shard.name and tensor not in held:
            raise UserMistake("models.wrong_index", file=shard.name, tensor=tensor)

"""What a model's config.json says: read, checked, and reduced to the part that writes text.

Knows no weights and no tokenizer. Code that a model brings along is never run.
"""

import json
from pathlib import Path
from typing import Any, cast

from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig, PreTrainedModel, __version__
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

from studio.core.errors import UserMistake

CONFIG = "config.json"
_LFS_MARK = b"version https://git-lfs.github.com/spec/"
# What the families call the longest input, where attribute maps do not already translate it.
_CONTEXT_NAMES = ("max_position_embeddings", "max_seq_len", "seq_length", "n_ctx", "block_size")


def refuse_pointer(path: Path) -> None:
    """Raise UserMistake where ``path`` holds a Git LFS pointer instead of its content."""
    with path.open("rb") as file:
        if file.read(len(_LFS_MARK)) == _LFS_MARK:
            raise UserMistake("models.lfs_pointer", file=path.name)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; raises UserMistake naming the file otherwise."""
    refuse_pointer(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UserMistake("models.bad_json", file=path.name)
    return data


def read_config(folder: Path) -> PreTrainedConfig:
    """The configuration of the text model in ``folder``.

    Models that also see or hear give the configuration of their text part. Raises UserMistake for
    a folder or file that is missing or damaged, and for an architecture that this version of
    transformers does not have built in.
    """
    if not folder.is_dir():
        raise UserMistake("models.no_folder", folder=str(folder))
    path = folder / CONFIG
    if not path.is_file():
        raise UserMistake("models.no_config", folder=str(folder))
    data = read_json(path)
    try:
        whole = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # Every family checks its values in a way of its own.
        raise _unreadable(data, error) from error
    return text_part(whole)


def text_part(whole: PreTrainedConfig) -> PreTrainedConfig:
    """The part of ``whole`` that writes text, often all of it.

    Raises UserMistake where transformers builds no model from it that continues text.
    """
    masked = any("MaskedLM" in str(name) for name in whole.architectures or ())
    for config in (whole.get_text_config(decoder=True), whole):
        if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not masked:
            return config
    raise _unknown(whole.to_dict())


def model_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class of transformers that builds the model of ``config`` (from :func:`read_config`)."""
    return cast(type[PreTrainedModel], MODEL_FOR_CAUSAL_LM_MAPPING[type(config)])


def is_text_part(folder: Path, config: PreTrainedConfig) -> bool:
    """Whether the weights in ``folder`` hold more than the text model of ``config``."""
    return read_json(folder / CONFIG).get("model_type") != config.model_type


def context_of(config: PreTrainedConfig) -> int:
    """The longest input in tokens; 0 where the configuration names none."""
    values = (getattr(config, name, None) for name in _CONTEXT_NAMES)
    return next((value for value in values if isinstance(value, int) and value > 0), 0)


def bad_config(error: Exception) -> UserMistake:
    """The mistake that made transformers raise ``error`` on a configuration."""
    return UserMistake("models.bad_config", file=CONFIG, reason=" ".join(str(error).split())[:200])


def _unreadable(data: dict[str, Any], error: Exception) -> UserMistake:
    if str(data.get("model_type")) not in CONFIG_MAPPING:
        return _unknown(data)
    return bad_config(error)


def _unknown(data: dict[str, Any]) -> UserMistake:
    """Why transformers alone cannot build the model that ``data`` describes."""
    named = [*(data.get("architectures") or ()), data.get("model_type")]
    key = "models.remote_code" if "auto_map" in data else "models.unknown_architecture"
    return UserMistake(key, file=CONFIG, architecture=str(named[0]), version=__version__)

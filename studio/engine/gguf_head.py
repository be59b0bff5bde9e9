"""The head of a GGUF file: what it says of itself, and its model's shape; no weight is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedConfig
from transformers.integrations.gguf.reader import read_gguf_metadata

from studio.core.errors import StudioError, UserMistake
from studio.core.sheets import Sheet
from studio.engine.configuration import model_class, refuse_pointer, text_part
from studio.engine.sheet_reader import sheet_of


def require_file(path: Path) -> None:
    """Raise UserMistake ``models.no_file``, ``models.lfs_pointer`` for what is no such file."""
    if not path.is_file():
        raise UserMistake("models.no_file", file=path.name)
    refuse_pointer(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn whatever transformers raises on a file that it cannot read into a sentence."""
    try:
        yield
    except (StudioError, MemoryError):
        raise
    except Exception as error:  # every kind of damage has an error of its own
        reason = " ".join(str(error).split())[:200]
        raise UserMistake("models.gguf_unreadable", file=path.name, reason=reason) from error


def metadata_of(path: Path) -> dict[str, Any]:
    """Everything that the file says of itself, by GGUF's own names."""
    metadata, _ = read_gguf_metadata(str(path))
    return metadata


def config_of(path: Path) -> PreTrainedConfig:
    """The configuration of the language model in the file."""
    return text_part(
        AutoConfig.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    )


def shape_of(config: PreTrainedConfig) -> Sheet:
    """The layer shapes of the model with this configuration."""
    with torch.device("meta"):
        return sheet_of(model_class(config)(config))

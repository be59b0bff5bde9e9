"""A base model and its tokenizer in memory, from a folder alone: nothing is looked up elsewhere.

Every weight is frozen; what is trained is added by others. Code that a model brings is never run.
"""

from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.engine.configuration import is_text_part, model_class, read_config
from studio.engine.machine import is_out_of_memory
from studio.engine.model_files import vocabulary_file, weight_files
from studio.engine.quantised import request, settle
from studio.engine.silence import silence
from studio.methods.quantisation import Quantisation

# Where the weights of a model that also sees or hears keep those of its text part.
_TEXT_NAMES = {r"^language_model\.": "", r"^model\.language_model\.": "model."}


def load_model(
    folder: Path,
    *,
    dtype: str,
    device: str = "cpu",
    attention: str | None = None,
    quantisation: Quantisation | None = None,
) -> PreTrainedModel:
    """The model in ``folder`` with weights of ``dtype`` ("float32", "bfloat16") on ``device``.

    It is in eval mode and nothing requires a gradient. ``attention`` is one of transformers'; None
    takes torch's own where the architecture has it, else the plain one. With a ``quantisation`` its
    linear layers are held in that, and compute in ``dtype``. Raises UserMistake naming
    the file for a folder that is not whole or lacks tensors, Refusal where memory does not suffice.
    """
    silence()
    config = read_config(folder)
    try:
        model = read_weights(
            config,
            weight_files(folder)[0],
            dtype=getattr(torch, dtype),
            attn_implementation=attention,
            device_map={"": device} if quantisation or device != "cpu" else None,
            quantization_config=quantisation and request(quantisation, getattr(torch, dtype)),
            key_mapping=_TEXT_NAMES if is_text_part(folder, config) else None,
            use_safetensors=True,
        )
    except StudioError:
        raise
    except Exception as error:  # Every family and every kind of quantisation has its own.
        if is_out_of_memory(error):
            raise Refusal("models.no_memory", folder=folder.name) from error
        reason = " ".join(str(error).split())[:200]
        raise UserMistake("models.unloadable", folder=folder.name, reason=reason) from error
    if quantisation:
        settle(model)
    frozen: PreTrainedModel = model.requires_grad_(False).eval()
    return frozen


def read_weights(config: PreTrainedConfig, file: Path, **how: Any) -> PreTrainedModel:
    """What transformers makes of ``config`` and the weights beside (and in) ``file``.

    Raises UserMistake where tensors are missing, which transformers would fill with random values.
    """
    loaded: Any = model_class(config).from_pretrained(
        file.parent, config=config, local_files_only=True, output_loading_info=True, **how
    )
    model, told = loaded
    missing = sorted(told["missing_keys"])
    if missing:
        count = len(missing)
        raise UserMistake("models.missing_weights", file=file.name, tensor=missing[0], count=count)
    return cast(PreTrainedModel, model)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in ``folder``.

    Raises UserMistake where there is none that transformers can read without foreign code, or
    where it has more word pieces than the model.
    """
    silence()
    file = vocabulary_file(folder)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # Every kind of tokenizer has its own.
        reason = " ".join(str(error).split())[:200]
        raise UserMistake("models.bad_tokenizer", file=file.name, reason=reason) from error
    known = read_config(folder).vocab_size
    if tokenizer.vocab_size > known:
        raise UserMistake(
            "models.other_tokenizer", file=file.name, pieces=len(tokenizer), known=known
        )
    return tokenizer


def eos_ids(model: PreTrainedModel) -> tuple[int, ...]:
    """The ids that end an answer by the model's generation config."""
    named = model.generation_config.eos_token_id if model.generation_config else None
    if isinstance(named, int):
        return (named,)
    return tuple(named or ())

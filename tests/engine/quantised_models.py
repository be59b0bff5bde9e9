"""Tiny models in four bits: as the engine loads them, and as transformers alone does."""

import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from studio.engine.loading import load_model
from studio.methods.quantisation import Quantisation
from tests.engine import tiny_models

NF4 = Quantisation("nf4", double=True)


@cache
def folder_of(name: str) -> Path:
    """Where the tiny model ``name`` lies in full; to be read only."""
    return tiny_models.save(name, Path(mkdtemp(prefix="tiny-")))


def ours(folder: Path, quantisation: Quantisation = NF4, **how: Any) -> PreTrainedModel:
    """As the engine loads it."""
    return load_model(folder, **{"dtype": "float32"} | how, quantisation=quantisation)


def theirs(folder: Path, quantisation: Quantisation = NF4) -> PreTrainedModel:
    """As anyone would load it who follows the documentation of transformers."""
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=quantisation.kind,
        bnb_4bit_use_double_quant=quantisation.double,
    )
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, device_map={"": "cpu"}, quantization_config=config
    )
    return model


def in_peft(model: PreTrainedModel, r: int, targets: str | list[str]) -> PeftModel:
    """``model`` with LoRA by PEFT."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = get_peft_model(
            model, LoraConfig(r=r, lora_alpha=2 * r, target_modules=targets, task_type="CAUSAL_LM")
        )
    assert isinstance(made, PeftModel)
    return made

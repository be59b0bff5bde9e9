"""What a run leaves behind: a PEFT adapter folder where its sites are one, else its tensors.

``studio.json`` stands beside the tensors and says what they are for. Knows no training.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftConfig, PromptTuningConfig
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from studio.core.recipe import Recipe
from studio.engine.sites import Installed
from studio.engine.sites.prompt import PROMPT
from studio.engine.space import require_space
from studio.methods.sites import LowRank, Prompt
from studio.store.atomic import discard, publishing, write_json

ADAPTER, CHANGED = "adapter_model.safetensors", "changed.safetensors"
_PEFT_PREFIX = "base_model.model."
_PART = 4


def write_result(
    folder: Path, recipe: Recipe, installed: Installed, *, values: Mapping[str, Tensor], step: int
) -> None:
    """Publish ``values`` (fp32 tensors by name), the state after ``step`` updates.

    An earlier result is replaced. Raises Refusal ``disk.full``.
    """
    require_space(folder.parent, sum(value.numel() for value in values.values()) * _PART)
    older = folder.with_name(f"{folder.name}.older")
    discard(older)
    with publishing(folder, older=older) as beside:
        config = _peft_config(recipe, installed)
        if config is None:
            save_file(dict(values), beside / CHANGED, metadata={"format": "pt"})
        else:
            named = {_name_in_peft(name): value for name, value in values.items()}
            save_file(named, beside / ADAPTER, metadata={"format": "pt"})
            write_json(beside / "adapter_config.json", _plain(config))
        facts = {
            "base": recipe.base.id,
            "base_hash": recipe.base.hash,
            "method": recipe.method,
            "knobs": dict(recipe.knobs),
            "rows_version": recipe.rows.version,
            "step": step,
            "tensors": "last",
        }
        write_json(beside / "studio.json", facts)
    discard(older)


def _peft_config(recipe: Recipe, installed: Installed) -> PeftConfig | None:
    """The configuration with which PEFT loads the result, if it is of a form that PEFT has."""
    sites = installed.sites
    deltas = [site for site in sites if isinstance(site, LowRank)]
    prompts = [site for site in sites if isinstance(site, Prompt)]
    if len(deltas) == len(sites):
        return _lora_config(recipe, deltas, _targets(installed.model, deltas))
    return _prompt_config(recipe, prompts[0]) if len(prompts) == len(sites) else None


def _prompt_config(recipe: Recipe, prompt: Prompt) -> PeftConfig:
    """What the vectors were at first is no matter any more, so the text is not told."""
    return PromptTuningConfig(
        num_virtual_tokens=prompt.tokens,
        token_dim=prompt.width,
        num_transformer_submodules=1,
        base_model_name_or_path=recipe.base.id,
        task_type="CAUSAL_LM",
        inference_mode=True,
    )


def _lora_config(recipe: Recipe, deltas: Sequence[LowRank], targets: Sequence[str]) -> PeftConfig:
    first = deltas[0]
    alpha = round(first.scale * first.r, 9)
    return LoraConfig(
        r=first.r,
        lora_alpha=int(alpha) if alpha.is_integer() else alpha,  # type: ignore[arg-type] # as PEFT
        lora_dropout=first.dropout,
        target_modules=list(targets),
        fan_in_fan_out=all(site.transposed for site in deltas),
        base_model_name_or_path=recipe.base.id,
        task_type="CAUSAL_LM",
        inference_mode=True,
    )


def _targets(model: PreTrainedModel, deltas: Sequence[LowRank]) -> list[str]:
    """The layers as PEFT's ``target_modules``: the last parts of their names, sorted, where PEFT
    finds exactly these layers by them; else their names in full."""
    chosen = {site.module for site in deltas}
    parts = {_last_part(name) for name in chosen}
    found = {name for name, _ in model.named_modules() if _last_part(name) in parts}
    return sorted(parts if found == chosen else chosen)


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _plain(config: PeftConfig) -> dict[str, Any]:
    """``config`` as JSON; no path of this machine is in it."""
    plain = {key: sorted(v) if isinstance(v, set) else v for key, v in config.to_dict().items()}
    return dict(json.loads(json.dumps(plain, default=str)))


def _name_in_peft(name: str) -> str:
    return name if name == PROMPT else f"{_PEFT_PREFIX}{name}"


def read_result(folder: Path) -> dict[str, Tensor]:
    """The tensors that :func:`write_result` published, by their stable names."""
    if (folder / ADAPTER).is_file():
        stored = load_file(folder / ADAPTER)
        return {name.removeprefix(_PEFT_PREFIX): value for name, value in stored.items()}
    return load_file(folder / CHANGED)

"""What a run leaves behind: a PEFT adapter folder where its sites are one, else changed tensors.

``studio.json`` stands beside the tensors and says what they are for. Knows no training.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.core.recipe import Recipe
from studio.engine.space import require_space
from studio.methods.sites import LowRank, Site
from studio.store.atomic import discard, publishing, write_json

ADAPTER, CHANGED = "adapter_model.safetensors", "changed.safetensors"
_PEFT_PREFIX = "base_model.model."
_PART = 4


def write_result(folder: Path, recipe: Recipe, sites: Sequence[Site], **made: Any) -> None:
    """Publish ``made["values"]`` (fp32 tensors by name), the state after ``made["step"]`` updates.

    An earlier result is replaced. Raises Refusal ``disk.full``.
    """
    values: Mapping[str, Tensor] = made["values"]
    require_space(folder.parent, sum(value.numel() for value in values.values()) * _PART)
    older = folder.with_name(f"{folder.name}.older")
    discard(older)
    with publishing(folder, older=older) as beside:
        deltas = [site for site in sites if isinstance(site, LowRank)]
        if len(deltas) == len(sites):
            named = {f"{_PEFT_PREFIX}{name}": value for name, value in values.items()}
            save_file(named, beside / ADAPTER, metadata={"format": "pt"})
            write_json(beside / "adapter_config.json", _peft_config(recipe, deltas))
        else:
            save_file(dict(values), beside / CHANGED, metadata={"format": "pt"})
        facts = {
            "base": recipe.base.id,
            "base_hash": recipe.base.hash,
            "method": recipe.method,
            "knobs": dict(recipe.knobs),
            "rows_version": recipe.rows.version,
            "step": made["step"],
            "tensors": "last",
        }
        write_json(beside / "studio.json", facts)
    discard(older)


def _peft_config(recipe: Recipe, deltas: Sequence[LowRank]) -> dict[str, Any]:
    """The configuration with which PEFT loads the adapter; no path of this machine in it."""
    first = deltas[0]
    config = LoraConfig(
        r=first.r,
        lora_alpha=first.scale * first.r,  # type: ignore[arg-type] # PEFT divides it by r
        lora_dropout=first.dropout,
        target_modules=[site.module for site in deltas],
        base_model_name_or_path=recipe.base.id,
        task_type="CAUSAL_LM",
        inference_mode=True,
    ).to_dict()
    plain = {key: sorted(v) if isinstance(v, set) else v for key, v in config.items()}
    return dict(json.loads(json.dumps(plain, default=str)))


def read_result(folder: Path) -> dict[str, Tensor]:
    """The tensors that :func:`write_result` published, by their stable names."""
    if (folder / ADAPTER).is_file():
        stored = load_file(folder / ADAPTER)
        return {name.removeprefix(_PEFT_PREFIX): value for name, value in stored.items()}
    return load_file(folder / CHANGED)

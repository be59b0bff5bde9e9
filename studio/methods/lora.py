"""LoRA: a small low-rank delta beside each linear layer; the model itself stays as it is."""

from collections.abc import Mapping

from studio.core.errors import UserMistake
from studio.core.knobs import Knob, Value, as_float, as_int
from studio.core.sheets import LayerKind, Sheet
from studio.methods.base import width_rate
from studio.methods.sites import LowRank, Site
from studio.methods.targets import ALL_LINEAR, targeted


class Lora:
    """Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021."""

    id = "lora"
    adapter = True
    knobs = (
        Knob("r", "int", 16, low=1, high=65_536),
        Knob("alpha", "float", None, above=0, high=1_000_000),
        Knob("dropout", "float", 0.0, low=0, high=0.9),
        Knob("targets", "text", ALL_LINEAR),
    )

    def sites(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[Site, ...]:
        """One delta beside every targeted layer; ``alpha`` unset is twice the rank."""
        r = as_int(values["r"])
        alpha = as_float(values["alpha"] or 2 * r)
        layers = targeted(sheet, str(values["targets"]))
        for layer in layers:
            smallest = min(layer.inputs, layer.outputs)
            if r > smallest:
                raise UserMistake(
                    "methods.rank_above_layer", r=r, layer=layer.name, smallest=smallest
                )
        dropout = as_float(values["dropout"])
        return tuple(
            LowRank(
                layer.name,
                layer.inputs,
                layer.outputs,
                r,
                alpha / r,
                dropout,
                transposed=layer.kind is LayerKind.CONV1D,
            )
            for layer in layers
        )

    def learning_rate(self, sheet: Sheet) -> float:
        """Ten times what training everything takes."""
        return width_rate(sheet, 10)

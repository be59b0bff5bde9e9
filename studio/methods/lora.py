"""LoRA: a small low-rank delta beside each linear layer; the model itself stays as it is."""

from collections.abc import Mapping

from studio.core.errors import UserMistake
from studio.core.knobs import Knob, Preset, Value, as_float, as_int
from studio.core.sheets import LayerKind, Sheet
from studio.methods.base import width_rate
from studio.methods.sites import LowRank, Site
from studio.methods.targets import ALL_LINEAR, targeted


class Lora:
    """Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021."""

    id = "lora"
    adapter = True
    knobs: tuple[Knob, ...] = (
        Knob("r", "int", 16, low=1, high=65_536, stops=(1, 2, 4, 8, 16, 32, 64, 128, 256)),
        Knob("alpha", "float", None, above=0, high=1_000_000, stops=(8, 16, 32, 64, 128, 256)),
        Knob("dropout", "float", 0.0, low=0, high=0.9, stops=(0, 0.05, 0.1, 0.2, 0.3)),
        Knob("targets", "text", ALL_LINEAR),
    )
    presets = (
        Preset("light", {"r": 8, "alpha": None}),
        Preset("usual", {"r": 16, "alpha": None}),
        Preset("strong", {"r": 64, "alpha": None}),
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
                    "methods.rank_above_layer", knob="r", r=r, layer=layer.name, smallest=smallest
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

    def notes(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def learning_rate(self, sheet: Sheet) -> float:
        """Ten times what training everything takes."""
        return width_rate(sheet, 10)

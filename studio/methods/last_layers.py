"""Last layers: the decoder blocks nearest to the output are trained, all before them stay."""

from collections.abc import Iterator, Mapping

from studio.core.errors import UserMistake
from studio.core.knobs import Knob, Preset, Value, as_int
from studio.core.sheets import Layer, LayerKind, Sheet, Tensor
from studio.methods.base import width_rate
from studio.methods.sites import Changed, Site


class LastLayers:
    """Howard and Ruder, "Universal Language Model Fine-tuning", 2018, begin with the last layers.

    Nothing below the first trained block has a gradient. With ``head`` the last norm and the output
    layer learn too; where that is tied to the embedding, the embedding is what is trained, and
    gradients go through all blocks.
    """

    id = "last_layers"
    adapter = False
    knobs = (
        Knob("layers", "int", 2, low=1, high=10_000, stops=(1, 2, 4, 8, 16, 32)),
        Knob("head", "flag", default=False),
    )
    presets = (
        Preset("light", {"layers": 1}),
        Preset("usual", {"layers": 2}),
        Preset("strong", {"layers": 4}),
    )

    def sites(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[Site, ...]:
        """Every tensor of the last blocks; raises UserMistake where the model has fewer."""
        layers = as_int(values["layers"])
        if layers > sheet.blocks:
            raise UserMistake(
                "methods.too_many_layers", knob="layers", layers=layers, blocks=sheet.blocks
            )
        chosen = [
            t for layer in sheet.layers if _is_last(layer, sheet, layers) for t in layer.tensors
        ]
        if values["head"]:
            chosen += _end(sheet)
        sizes = {tensor.tied_to or tensor.name: tensor.size for tensor in chosen}
        return tuple(Changed(name, size) for name, size in sizes.items())

    def notes(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[str, ...]:
        """What a tied output layer means, and that there are no more layers."""
        tied = ("last_layers_tied_head",) if values["head"] and sheet.tied else ()
        return tied + (("last_layers_every_layer",) if values["layers"] == sheet.blocks else ())

    def learning_rate(self, sheet: Sheet) -> float:
        """Five times what training everything takes.

        Measured on the starter, fifteen updates of four rows of the tone: the check loss of 4.36
        falls to 3.66 at 2e-4, to 3.35 at 6e-4, and to 3.23 at 2e-3, where that of the trained rows
        is far below it already.
        """
        return width_rate(sheet, 5)


def _is_last(layer: Layer, sheet: Sheet, layers: int) -> bool:
    return layer.block is not None and layer.block >= sheet.blocks - layers


def _end(sheet: Sheet) -> Iterator[Tensor]:
    """The norm behind all blocks, and the output layer; a norm of embeddings stands before them."""
    for layer in sheet.layers:
        is_norm = layer.kind is LayerKind.NORM and layer.block is None
        if layer.is_head or (is_norm and "embed" not in layer.name):
            yield from layer.tensors

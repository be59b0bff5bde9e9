"""Full fine-tuning: every tensor of the model is trained."""

from collections.abc import Mapping

from studio.core.knobs import Knob, Preset, Value
from studio.core.sheets import Sheet
from studio.methods.base import width_rate
from studio.methods.sites import Changed, Site


class Full:
    """Training as in pretraining, on the person's rows."""

    id = "full"
    adapter = False
    knobs: tuple[Knob, ...] = ()
    presets: tuple[Preset, ...] = ()

    def sites(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[Site, ...]:
        """Every tensor once; tied ones follow the tensor that they share memory with."""
        return tuple(Changed(t.name, t.size) for t in sheet.tensors() if t.tied_to is None)

    def notes(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def learning_rate(self, sheet: Sheet) -> float:
        """The base rate of the width rule."""
        return width_rate(sheet, 1)

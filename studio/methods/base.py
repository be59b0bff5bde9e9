"""What every tuning method says of itself. Knows sheets and knobs, no torch."""

from collections.abc import Mapping
from typing import Protocol

from studio.core.knobs import Knob, Preset, Value
from studio.core.sheets import Sheet
from studio.methods.sites import Site

BYTES_PER_TRAINED_VALUE = 4
"""Trained tensors are kept and saved in 32-bit floats."""

HIGHEST_RATE = 2e-3
"""The fit is of large models; on tiny ones it would rise until nothing is learned."""


class Method(Protocol):
    """A tuning method. ``id`` is the field's own name; its sentences are ``methods.<id>.*``."""

    @property
    def id(self) -> str:
        """The method's name on the command line and in recipes."""
        ...

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Its settings, in the order of its form."""
        ...

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Settings to begin with, from the lightest to the strongest; may be none."""
        ...

    @property
    def adapter(self) -> bool:
        """Whether the result is a small PEFT adapter folder rather than changed tensors."""
        ...

    def sites(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[Site, ...]:
        """What it changes in the model of ``sheet``; raises UserMistake where it cannot."""
        ...

    def notes(self, sheet: Sheet, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Keys, under ``methods.note.``, of what must be said of it on this model."""
        ...

    def learning_rate(self, sheet: Sheet) -> float:
        """A peak learning rate that learns on a model of this width."""
        ...


def width_rate(sheet: Sheet, factor: float, *, highest: float = HIGHEST_RATE) -> float:
    """A peak rate that falls with the model's width: ``5e-5 * factor * (2000 / hidden)^0.781``.

    The exponent is the fit over Llama models in Schulman and Thinking Machines Lab, "LoRA Without
    Regret", 2025, which also finds a factor of 10 between LoRA and training everything. Two
    figures are kept, and never more than ``highest``.
    """
    rate = 5e-5 * factor * (2000 / sheet.hidden) ** 0.781
    return float(f"{min(rate, highest):.2g}")

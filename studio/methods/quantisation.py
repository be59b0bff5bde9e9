"""In what form a run holds the frozen base in memory, as data; the engine does it.

It is chosen by knobs of their own, so that any method that has them stands on a quantised base.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

from studio.core.errors import UserMistake
from studio.core.knobs import Knob, Value

PACKAGE = "bitsandbytes"
QUANTISATION_KNOBS = (
    Knob("quant", "choice", "nf4", choices=("nf4", "fp4")),
    Knob("double", "flag", True),
)


@dataclass(frozen=True, slots=True)
class Quantisation:
    """Every linear layer but the output head in ``kind``, four bits a value.

    ``nf4`` has its sixteen levels where normally distributed weights lie, ``fp4`` is a tiny float.
    A block of 64 values shares a scale in fp32; ``double`` holds the scales in 8 bits.
    Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023.
    """

    kind: str
    double: bool

    def __str__(self) -> str:
        return f"{self.kind}, double" if self.double else self.kind


def quantisation_of(values: Mapping[str, Value]) -> Quantisation | None:
    """What a method's knobs say of the base; None leaves it as it is."""
    if "quant" not in values:
        return None
    return Quantisation(str(values["quant"]), bool(values["double"]))


def require_quantisation() -> None:
    """Raise UserMistake ``methods.no_quantisation`` where the library for it is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise UserMistake("methods.no_quantisation", package=PACKAGE)

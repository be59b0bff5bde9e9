"""How long work says how far it is, and asks whether it is still wanted."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` of ``step``, in ``unit``: bytes, strings, tensors or parts."""

    step: str
    done: int
    total: int
    unit: str


Report = Callable[[Progress], None]
Cancel = Callable[[], bool]
"""True once the person has asked to stop."""


def unheard(progress: Progress) -> None:
    """The report of someone who does not listen."""


def wanted() -> bool:
    """The question of someone who never cancels."""
    return False

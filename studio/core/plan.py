"""What was decided at the start of a run and what every resume must obey.

The same recipe and the same plan on the same machine give the same bytes; so a resume compares
the plan it would make now with the one that was written, and says where they part.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions of the engine for one run.

    ``path`` is ``segments`` (a micro-batch end to end in one sequence, each row attending to
    itself, the head only where a label is) or ``rows`` (row by row through the model's own
    forward, for architectures on which the first was measured not to agree). ``lr`` is the
    resolved peak rate, ``max_length`` the resolved limit in word pieces, ``total`` the number of
    updates, ``quantisation`` in what the frozen linear layers are held, empty for ``dtype``.
    """

    device: str
    dtype: str
    threads: int
    path: str
    lr: float
    max_length: int
    total: int
    eval_every: int
    instructions: str
    versions: Mapping[str, str]
    template_hash: str
    rows_hash: str
    quantisation: str = ""

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON; :meth:`from_json` is the inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The plan that :meth:`as_json` wrote; unknown keys are left aside."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__ if name in data})

    def differences(self, other: "Plan") -> dict[str, tuple[Any, Any]]:
        """Field by field, where ``other`` decides differently: {field: (self, other)}."""
        mine, theirs = self.as_json(), other.as_json()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}

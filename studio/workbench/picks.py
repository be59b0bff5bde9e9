"""Models that the studio knows by name, and which three of them suit a machine and a person.

Each is a folder of `assets/picks`: `pick.json`, what people want to know, and `config.json`, the
model's own, from which its size is counted. Reads no weight and asks no network.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from studio.core.words import assets_folder
from studio.workbench.sources import STARTER

SLOW = 1_000_000_000
"""Parameters above which learning on a CPU takes hours where it should take minutes."""

_ROOM = 2
"""A model to learn with should fit so many times: learning takes memory beside the weights."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A model by name. ``folder`` holds its ``config.json``, ``good_for`` is the key of a sentence.

    ``languages`` are tags, ``more`` where there are others; ``download_bytes`` its weights.
    """

    folder: Path
    source: str
    title: str
    licence: str
    languages: tuple[str, ...]
    chat_template: bool
    good_for: str
    download_bytes: int

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The pick in ``folder``."""
        told = json.loads((folder / "pick.json").read_text(encoding="utf-8"))
        return cls(folder, languages=tuple(told.pop("languages")), **told)


@cache
def all_picks() -> tuple[Pick, ...]:
    """Every model known by name."""
    return tuple(Pick.read(path) for path in sorted((assets_folder() / "picks").iterdir()))


def titles() -> dict[str, str]:
    """What people call the models known by name, by their sources."""
    return {pick.source: pick.title for pick in all_picks()}


@dataclass(frozen=True, slots=True)
class Sized:
    """A pick with its size: ``needed`` are the bytes that loading it takes here."""

    pick: Pick
    parameters: int
    needed: int


def choose(known: Sequence[Sized], *, free: int, language: str, is_slow: bool) -> list[Sized]:
    """Three models, the recommended one first and the starter among them.

    Recommended is the largest that speaks ``language``, leaves as much memory free again for
    learning and, where ``is_slow``, is small enough to learn on a CPU; failing that, the smallest
    that fits; failing that, the starter. After it the next larger one that fits, else the next
    smaller ones.
    """
    ranked = sorted(known, key=lambda one: one.parameters)
    starter = next(one for one in ranked if one.pick.source == STARTER)
    spoken = [one for one in ranked if one is not starter and language in one.pick.languages]
    fitting = [one for one in spoken if one.needed <= free]
    limit = SLOW if is_slow else float("inf")
    easy = [one for one in fitting if one.needed * _ROOM <= free and one.parameters <= limit]
    if not fitting:
        return [starter, *spoken[:2]]
    best = easy[-1] if easy else fitting[0]
    place = fitting.index(best)
    others = [*fitting[place + 1 :], *reversed(fitting[:place]), *_without(spoken, fitting)]
    return [best, *others[:1], starter] if others else [best, starter]


def reason(best: Sized, *, free: int, is_slow: bool) -> str:
    """The key of the sentence that says why :func:`choose` recommends ``best``."""
    if best.pick.source == STARTER:
        return "why_only"
    if best.needed * _ROOM > free:
        return "why_smallest"
    return "why_slow" if is_slow else "why_largest"


def _without(some: Sequence[Sized], others: Sequence[Sized]) -> list[Sized]:
    return [one for one in some if one not in others]

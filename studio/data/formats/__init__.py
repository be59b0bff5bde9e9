"""The formats that files of rows are known by: one file each, joined here. Order is precedence."""

from collections.abc import Iterable

from studio.data.formats.alpaca import ALPACA
from studio.data.formats.format import PLAIN, Feature, Format, features
from studio.data.formats.openai import OPENAI, OPENAI_PREFERENCE
from studio.data.formats.plain import PAIRS, STUDIO, TEXT
from studio.data.formats.sharegpt import SHAREGPT
from studio.data.formats.trl import KTO, PREFERENCE, PROMPT_COMPLETION

__all__ = ["FORMATS", "PAIRS", "PLAIN", "TEXT", "Feature", "Format", "features", "recognise"]

FORMATS: dict[str, Format] = {
    format.id: format
    for format in (
        *(STUDIO, OPENAI_PREFERENCE, SHAREGPT, ALPACA, PREFERENCE, OPENAI, KTO),
        *(PROMPT_COMPLETION, PAIRS, TEXT),
    )
}


def recognise(columns: Iterable[str]) -> Format | None:
    """The first format whose own columns are all there, or None where names must be guessed."""
    present = set(columns)
    return next((f for f in FORMATS.values() if any(k <= present for k in f.known_by)), None)

"""The reading of a GGUF file by its own library, once instead of thrice, and heard while it lasts.

transformers opens the file anew for the configuration, the tokenizer and the weights, each time
through its hundred thousand strings, and works out the names of all tensors anew for every module
of the model. Knows nothing of what is in the file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import gguf
from transformers.integrations.gguf.reader import read_gguf_metadata

_TOLD = 50
"""Times that a reader says how far it is."""


class _Reader(gguf.GGUFReader):
    """Counts the strings of a file as it goes through them: they take nearly all of the time."""

    def __init__(self, path: str, told: Callable[[int, int], None]) -> None:
        self._strings, self._total, self._told = 0, _strings(path), told
        super().__init__(path)
        told(self._total, self._total)

    def _get_str(self, *place: Any) -> Any:
        if self._strings < self._total and self._strings % (self._total // _TOLD + 1) == 0:
            self._told(self._strings, self._total)
        self._strings += 1
        return super()._get_str(*place)


def _strings(path: str) -> int:
    """Keys, tensors' names, word pieces and merges in the head of the file."""
    metadata, tensors = read_gguf_metadata(path)
    lists: Iterator[int] = (
        metadata.get(f"tokenizer.ggml.{name}", 0) for name in ("tokens", "merges")
    )
    return len(metadata) + len(tensors) + sum(lists)


@contextmanager
def reading_once(told: Callable[[int, int], None]) -> Iterator[None]:
    """Inside the block a file is gone through once; ``told`` hears how many strings of how many."""
    library = vars(gguf)
    names = ("GGUFReader", "get_tensor_name_map")
    before = {name: library[name] for name in names}

    @cache
    def reader(path: str | Path) -> _Reader:
        return _Reader(str(path), told)

    library.update(GGUFReader=reader, get_tensor_name_map=cache(before["get_tensor_name_map"]))
    try:
        yield
    finally:
        library.update(before)

"""One kind of text that can be found: how it is written, and a test of what was found."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression and, where the numbers of a kind can be told from others, a test of them.

    Of an expression with a group ``number``, that group alone is tested and found. A text in which
    ``only_in`` finds nothing is not looked through: it is quicker to search, and most have none.
    """

    expression: re.Pattern[str]
    is_real: Callable[[str], bool] = bool
    only_in: re.Pattern[str] | None = None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place in ``text`` that fits."""
        if self.only_in is not None and not self.only_in.search(text):
            return
        group = "number" if "number" in self.expression.groupindex else 0
        for found in self.expression.finditer(text):
            if self.is_real(found.group(group)):
                yield found.span(group)

"""One kind of text that can be found: how it is written, and a test of what was found."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALONE = r"(?<![A-Za-z0-9_.+-])"
"""Nothing before that a number or a name would go on from; Chinese stands close to both."""

ENDED = r"(?![A-Za-z0-9_-])"


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


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several patterns as one; a place that two of them find is named once.

    All of their places hold one of ``only_in``.
    """

    only_in: re.Pattern[str]
    patterns: tuple[Pattern, ...]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place in ``text`` that one of the patterns fits."""
        if self.only_in.search(text):
            yield from sorted({span for pattern in self.patterns for span in pattern.spans(text)})

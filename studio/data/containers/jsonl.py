"""JSON Lines: one object a line. A line that cannot be read is left out, the others are not."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TextIO

from studio.core.errors import UserMistake
from studio.data.containers.container import Lines, Record, skipped
from studio.data.containers.json_values import Decoder, broken, dump, skip_space

_LOOKED_AT = 20


class _JsonLines:
    id = "jsonl"
    suffixes: tuple[str, ...] = (".jsonl", ".ndjson")
    encoding = "utf-8"
    nested = True
    default_format = "studio"

    def sniff(self, text: str) -> bool:
        """Whether it begins with an object, and one of the first lines is one as a whole."""
        if text[skip_space(text, 0) :][:1] != "{":
            return False
        return any(record.skip is None for record in islice(self.records(text), _LOOKED_AT))

    def records(self, text: str) -> Iterator[Record]:
        decoder, lines = Decoder(), Lines(text)
        for row, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                yield Record(row, lines.end, _object(decoder, line))
            except UserMistake as mistake:
                mistake.facts.update(line=row)
                yield skipped(row, lines.end, mistake)

    def refuses(self, record: dict[str, Any]) -> str | None:
        return None

    def write(self, records: Sequence[dict[str, Any]], file: TextIO) -> None:
        file.writelines(dump(record) + "\n" for record in records)


def _object(decoder: Decoder, line: str) -> dict[str, Any]:
    value, end = decoder.value(line, skip_space(line, 0))
    rest = skip_space(line, end)
    if rest < len(line):
        raise broken(line, rest)
    return decoder.record(value)


JSONL = _JsonLines()

"""Plain text: documents with blank lines between them, as ``datasets`` samples by paragraph.

A file without a blank line is one document.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, TextIO

from studio.data.containers.container import Lines, Record


class _Paragraphs:
    id = "txt"
    suffixes: tuple[str, ...] = (".txt", ".md")
    encoding = "utf-8"
    nested = True
    default_format = "text"

    def sniff(self, text: str) -> bool:
        """Never certain: any text may be prose."""
        return False

    def records(self, text: str) -> Iterator[Record]:
        lines = Lines(text)
        numbered = ((row, lines.end, line.rstrip("\r\n")) for row, line in enumerate(lines, 1))
        for filled, group in groupby(numbered, key=lambda item: bool(item[2].strip())):
            if filled:
                block = list(group)
                text_of_block = "\n".join(line for _, _, line in block)
                yield Record(block[0][0], block[-1][1], {"text": text_of_block})

    def refuses(self, record: dict[str, Any]) -> str | None:
        if "\x00" in record["text"]:
            return "data.lost_zero_bytes"
        survives = [read.columns for read in self.records(record["text"])] == [record]
        return None if survives else "data.lost_blank_lines"

    def write(self, records: Sequence[dict[str, Any]], file: TextIO) -> None:
        file.write("\n".join(record["text"] + "\n" for record in records))


PARAGRAPHS = _Paragraphs()

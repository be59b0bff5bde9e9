"""Which rows an exported file holds, written beside it, so that erasing a row finds the file.

Knows no format: a spreadsheet or an archive cannot be searched, but its list can.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from studio.store.atomic import write_json

_ENDING = ".rows.json"


def list_rows(file: Path, row_ids: Iterable[str]) -> None:
    """Write down which rows ``file`` holds; to be done before the file itself is written."""
    write_json(_list_of(file), {"rows": list(row_ids)})


def listed_rows(file: Path) -> frozenset[str]:
    """The rows that were written down for ``file``."""
    try:
        return frozenset(json.loads(_list_of(file).read_bytes())["rows"])
    except FileNotFoundError:
        return frozenset()


def remove_export(file: Path) -> None:
    """Delete ``file``, if it is there, and its list."""
    file.unlink(missing_ok=True)
    _list_of(file).unlink(missing_ok=True)


def export_of(file: Path) -> Path:
    """The export that ``file`` is, or is the list of."""
    return file.with_name(file.name.removesuffix(_ENDING))


def _list_of(file: Path) -> Path:
    return file.with_name(file.name + _ENDING)

"""Layer shapes of base models, kept by what describes them. Reads no model."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from studio.core.sheets import Sheet
from studio.store.atomic import ensure_folder, write_text

# Raised when sheets change their meaning, so that older ones are not read.
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Sheets:
    """The sheets in ``folder``; another version of transformers has sheets of its own."""

    folder: Path

    def get(self, config: Path) -> Sheet | None:
        """The sheet that was kept for the configuration in the file ``config``, if it is whole."""
        try:
            return _parsed(self._of(config).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, config: Path, sheet: Sheet) -> None:
        """Keep the sheet that was read from ``config``."""
        ensure_folder(self.folder)
        write_text(self._of(config), json.dumps(sheet.as_json()))

    def _of(self, config: Path) -> Path:
        described = config.read_bytes() + f"|{version('transformers')}|{_FORMAT}".encode()
        return self.folder / f"{hashlib.sha256(described).hexdigest()}.json"


@lru_cache(maxsize=8)
def _parsed(text: str) -> Sheet:
    """The sheet in ``text``; a count asks for the same one at every move of a slider."""
    return Sheet.from_json(json.loads(text))

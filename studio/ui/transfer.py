"""Rows in and out by file, for the Data tab: uploads, previews, imports, exports, findings.

A browser names an uploaded file by its path on this machine, so a path is only believed where it
leads to a plain file in the uploads folder. Nothing of an upload is left once it has been imported
or given up.
"""

import secrets
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.core.errors import UserMistake, from_json
from studio.core.words import Words
from studio.ui.edge import Action, Edge
from studio.workbench import Workbench
from studio.workbench.models import Told

Json = dict[str, Any]
PASTED = "pasted.txt"


@dataclass(frozen=True, slots=True)
class Uploads:
    """The files that browsers have sent, each in a folder of its own."""

    folder: Path

    def find(self, path: str) -> Path:
        """The uploaded file at ``path``; raises UserMistake ``page.upload_gone``."""
        try:
            real = Path(path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise UserMistake("page.upload_gone") from None
        if not real.is_relative_to(self.folder.resolve()) or not real.is_file():
            raise UserMistake("page.upload_gone")
        return real

    def keep(self, text: str) -> Path:
        """Write pasted text down as if it had been uploaded."""
        home = self.folder / secrets.token_hex(16)
        home.mkdir(mode=0o700, parents=True)
        kept = home / PASTED
        kept.write_bytes(text.encode("utf-8", errors="surrogatepass"))
        return kept

    def discard(self, file: Path) -> None:
        """Leave no trace of ``file``."""
        file.unlink(missing_ok=True)
        if file.parent.resolve() != self.folder.resolve():
            shutil.rmtree(file.parent, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Transfer:
    """The actions; each calls one service of the workbench."""

    bench: Workbench
    words: Words

    @property
    def _uploads(self) -> Uploads:
        return Uploads(self.bench.data.uploads)

    def paste_rows(self, text: str) -> Json:
        """Take pasted text as a file: ``{"path", "name"}``."""
        kept = self._uploads.keep(text)
        return {"path": str(kept), "name": kept.name}

    def preview_rows(self, path: str, mapping: dict[str, str]) -> Json:
        """How an uploaded file would be imported; ``mapping`` corrects the guess."""
        found = self.bench.rows.preview(self._uploads.find(path), mapping)
        left = [skip | {"reason": self._explained(skip["reason"])} for skip in found["skipped"]]
        return found | {"skipped": left}

    def drop_upload(self, path: str) -> Json:
        """Forget an uploaded file that is not to be imported."""
        self._uploads.discard(self._uploads.find(path))
        return {}

    def import_rows(
        self, path: str, dataset: str, mapping: dict[str, str], drafts: bool = False
    ) -> Json:
        """Start to import an uploaded file; ``drafts`` leaves its rows to be reviewed."""
        file = self._uploads.find(path)

        def work(told: Told) -> Json:
            done = self.bench.rows.import_file(
                file, dataset, mapping=mapping, drafts=drafts, told=told
            )
            self._uploads.discard(file)
            counts = {"skipped": len(done["skipped"]), "findings": done["findings_count"]}
            return {"dataset": done["dataset"], "imported": done["imported"]} | counts

        return {"task": self.bench.tasks.start("import", dataset, work)}

    def task(self, id: str) -> Json | None:
        """How far a task is, with the card of its error; None once it is forgotten."""
        found = next((task for task in self.bench.tasks.list() if task["id"] == id), None)
        if found is None or found["error"] is None:
            return found
        return found | {"card": Edge(self.words).card(from_json(found["error"]))}

    def cancel_task(self, id: str) -> Json:
        """Ask a task to stop; nothing of it stays."""
        self.bench.tasks.cancel(id)
        return {}

    def findings(self, dataset: str) -> list[Json]:
        """Places in a dataset that may name a person."""
        return self.bench.rows.findings(dataset)

    def export_formats(self, dataset: str) -> list[Json]:
        """``[{"format", "suffix", "fits", "lossy", "reason"}]``, one line a format and suffix."""
        return [
            {
                "format": choice["format"],
                "suffix": choice["suffix"],
                "fits": choice["problem"] is None,
                "lossy": choice["lossy"],
                "reason": choice["problem"] and self._explained(choice["problem"]),
            }
            for choice in self.bench.rows.formats(dataset)
            if choice["suffix"] != ".json"  # the same as .jsonl, which every tool reads too
        ]

    def export_rows(self, dataset: str, format: str, suffix: str) -> Json:
        """Write a dataset into the exports folder; ``url`` fetches it from there."""
        name = self.bench.rows.show(dataset)["dataset"]
        file = self.bench.data.exports / f"{_file_name(name)}-{date.today():%Y%m%d}{suffix}"
        written = self.bench.rows.export_file(dataset, file, format=format)
        return written | {"name": file.name, "url": f"/gradio_api/file={quote(str(file))}"}

    def _explained(self, error: Json) -> str:
        return self.words.explain(from_json(error))


def actions(bench: Workbench, said: Words) -> list[Action]:
    """What the Data tab may ask about files; reasons are in the words of ``said``."""
    transfer = Transfer(bench, said)
    return [
        transfer.paste_rows,
        transfer.preview_rows,
        transfer.drop_upload,
        transfer.import_rows,
        transfer.task,
        transfer.cancel_task,
        transfer.findings,
        transfer.export_formats,
        transfer.export_rows,
    ]


def _file_name(name: str) -> str:
    """``name`` as part of a file's name on every system; letters of every script stay."""
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)
    return kept.strip("-")[:60] or "rows"

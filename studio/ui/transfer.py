"""Rows in and out by file, for the Data tab: uploads, previews, imports, exports, findings.

A browser names an uploaded file by its path on this machine, so a path is only believed where it
leads to a plain file in the uploads folder. Nothing of an upload is left once its import has ended,
however it did, or once it is given up; what a page that was closed has left goes within the hour.
"""

import secrets
import shutil
import time
from contextlib import suppress
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
KEPT_SECONDS = 60 * 60
"""How long an upload that nobody asks for any more may lie there when another comes in."""


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
        kept = self._home() / PASTED
        kept.write_bytes(text.encode("utf-8", errors="surrogatepass"))
        return kept

    def take(self, path: str) -> Path:
        """Move the file at ``path``, just sent, into a folder that no other upload shares.

        Gradio names a folder by what its file holds: two windows that send one file share it.
        """
        sent = self.find(path)
        taken = self._home() / sent.name
        sent.rename(taken)
        self._clear(sent.parent)
        return taken

    def discard(self, file: Path) -> None:
        """Leave no trace of ``file``."""
        file.unlink(missing_ok=True)
        self._clear(file.parent)

    def _clear(self, home: Path) -> None:
        """Remove a folder of uploads that holds nothing any more."""
        if home.resolve() != self.folder.resolve():
            with suppress(OSError):  # it may hold another window's file
                home.rmdir()

    def _home(self) -> Path:
        """A new folder for one file; what nobody has asked for in a long time makes room."""
        home = self.folder / secrets.token_hex(16)
        home.mkdir(mode=0o700, parents=True)
        oldest = time.time() - KEPT_SECONDS
        for left in self.folder.iterdir():
            with suppress(OSError):  # another window may give it up just now
                if left.is_dir() and left.lstat().st_mtime < oldest:
                    shutil.rmtree(left)
        return home


@dataclass(frozen=True, slots=True)
class Transfer:
    """The actions; each calls one service of the workbench."""

    bench: Workbench
    words: Words

    @property
    def _uploads(self) -> Uploads:
        return Uploads(self.bench.data.uploads)

    def paste_rows(self, text: str) -> Json:
        """Take pasted text as a file: ``{"path"}``."""
        return {"path": str(self._uploads.keep(text))}

    def take_upload(self, path: str) -> Json:
        """Take an uploaded file as this window's own: ``{"path"}``, where it is from now on."""
        return {"path": str(self._uploads.take(path))}

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
        """Start to import an uploaded file; ``drafts`` leaves its rows to be reviewed.

        Asked again for the same file and dataset, it is the same import.
        """
        file = self._uploads.find(path)

        def work(told: Told) -> Json:
            try:
                done = self.bench.rows.import_file(
                    file, dataset, mapping=mapping, drafts=drafts, told=told
                )
            finally:
                self._uploads.discard(file)
            counts = {"skipped": len(done["skipped"]), "findings": done["findings_count"]}
            return {name: done[name] for name in ("dataset", "imported", "first")} | counts

        subject = f"{dataset} {file.parent.name}"
        return {"task": self.bench.tasks.start("import", subject, work)}

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

    def dismiss_task(self, id: str) -> Json:
        """Forget a task that is over and has been told of."""
        self.bench.tasks.dismiss(id)
        return {}

    def findings(self, dataset: str, first: int = 1) -> list[Json]:
        """Places in a dataset, from its row of number ``first`` on, that may name a person."""
        return self.bench.rows.findings(dataset, first=first)

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
        transfer.take_upload,
        transfer.preview_rows,
        transfer.drop_upload,
        transfer.import_rows,
        transfer.task,
        transfer.cancel_task,
        transfer.dismiss_task,
        transfer.findings,
        transfer.export_formats,
        transfer.export_rows,
    ]


def _file_name(name: str) -> str:
    """``name`` as part of a file's name on every system; letters of every script stay."""
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in name)
    return kept.strip("-")[:60] or "rows"

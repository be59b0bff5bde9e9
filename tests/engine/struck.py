"""A real trainer that is struck at the n-th point of its work, in a process of its own.

A point is the moment before anything that a run does: a batch, a layer forward or backward, an
update, a line of the log, every call that reaches the disk, and the middle of each write and
removal. What is done there is a kill -9, a request, a signal, or a disk that is full from then on.
"""

import errno
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers.conversion_mapping import get_checkpoint_conversion_mapping
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from studio.engine import (
    forward,
    interruption,
    lessons,
    loop,
    preparation,
    results,
    save_points,
    trainer,
)
from studio.engine.batches import Batch
from studio.engine.trained import Trained
from studio.store import atomic
from studio.store.atomic import Disk
from studio.store.event_log import EventLog
from studio.store.run_folder import RunFolder

get_checkpoint_conversion_mapping("llama")  # slow the first time, and kept for all forks


NEEDS_ROOM = {
    "make_folder",
    "write",
    "half written",
    "append",
    "half appended",
    "sync",
    "sync_descriptor",
    "rename",
    "tensors",
    "half the tensors",
}
"""Points at which a full disk fails."""


class Struck:
    """Counts the points of a run and does the deed at one of them."""

    def __init__(self, run: RunFolder, deed: str, number: int) -> None:
        self.points = list[str]()
        self._run, self._deed, self._number = run, deed, number
        self._failures = 0

    def point(self, name: str) -> None:
        self.points.append(name)
        if len(self.points) - 1 == self._number:
            for deed in self._deed.split():
                self._do(deed)
        if self._failures and name in NEEDS_ROOM:
            self._failures -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _do(self, deed: str) -> None:
        if deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif deed == "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
        elif deed in ("pause", "stop"):
            self._run.ask("pause" if deed == "pause" else "stop")
        else:
            self._failures = {"full": 1_000_000, "full-for-a-while": 3}[deed]

    def watch(self, owner: Any, name: str, label: str | None = None) -> None:
        """A point before each call of ``owner.name``."""
        inner = getattr(owner, name)

        def watched(*args: Any, **named: Any) -> Any:
            self.point(label or name)
            return inner(*args, **named)

        bound = getattr(inner, "__self__", None) is owner
        setattr(owner, name, staticmethod(watched) if bound else watched)

    def watch_everything(self) -> None:
        self._watch_learning()
        self._watch_disk()
        for module in (save_points, results, lessons):
            module.save_file = self._torn(module.save_file)  # type: ignore[attr-defined]
        self.watch(EventLog, "append", "event")
        self.watch(atomic, "sync_descriptor")

    def _watch_learning(self) -> None:
        self.watch(trainer, "prepare")
        self.watch(preparation, "load_model")
        self.watch(Batch, "of", "batch")
        self.watch(torch.Tensor, "backward")
        for name in ("clear", "norm", "update", "restore"):
            self.watch(Trained, name)
        for path, inner in list(forward.FORWARDS.items()):
            forward.FORWARDS[path] = self._watched_forward(inner)
        LlamaDecoderLayer.forward = self._watched_layer(LlamaDecoderLayer.forward)

    def _watched_forward(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            self.point("forward")
            return inner(*args)

        return watched

    def _watched_layer(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **named: Any) -> Any:
            self.point("layer")
            output = inner(*args, **named)
            if output.requires_grad:
                output.register_hook(lambda _: self.point("layer backward"))
            return output

        return watched

    def _watch_disk(self) -> None:
        write, append, remove = Disk.write, Disk.append, Disk.remove

        def torn_write(disk: Disk, path: Path, data: bytes) -> None:
            self.point("write")
            write(disk, path, data[: len(data) // 2])
            self.point("half written")
            path.write_bytes(data)

        def torn_append(disk: Disk, descriptor: int, data: bytes) -> int:
            self.point("append")
            taken = append(disk, descriptor, data[: (len(data) + 1) // 2])
            self.point("half appended")
            return taken

        def torn_remove(disk: Disk, path: Path) -> None:
            self.point("remove")
            for file in sorted(path.iterdir())[:1] if path.is_dir() else ():
                file.unlink() if file.is_file() else shutil.rmtree(file)
                self.point("half removed")
            remove(disk, path)

        Disk.write, Disk.append, Disk.remove = (  # type: ignore[method-assign]
            torn_write,
            torn_append,
            torn_remove,
        )
        for name in ("make_folder", "sync", "rename"):
            self.watch(Disk, name)

    def _torn(self, save_file: Callable[..., None]) -> Callable[..., None]:
        def torn(tensors: Any, path: Path, **named: Any) -> None:
            self.point("tensors")
            save_file(tensors, path, **named)
            whole = path.read_bytes()
            os.truncate(path, len(whole) // 2)
            self.point("half the tensors")
            path.write_bytes(whole)

        return torn


def train(folder: str, told: str, deed: str, number: str, cpu: str) -> int:
    """Train the run in ``folder``, struck by ``deed`` at point ``number`` (-1: at none).

    ``deed`` are words of :meth:`Struck._do`;
    ``told`` is a file that gets ``{"code", "points"}`` if the process comes to its end.
    """
    os.sched_setaffinity(0, {int(cpu)})
    os.fsync = lambda _: None  # kill -9 takes nothing from the system; power cuts are not ours
    interruption.RHYTHM = 0.0
    preparation.SAMPLE_LENGTH = 4
    loop.DISK_PATIENCE = trainer.DISK_PATIENCE = 0.01
    struck = Struck(RunFolder(Path(folder)), deed, int(number))
    struck.watch_everything()
    code = trainer.main(folder)
    Path(told).write_text(json.dumps({"code": code, "points": struck.points}), encoding="utf-8")
    return code

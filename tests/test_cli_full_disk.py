"""A disk that runs full under a run: a real one of a few megabytes, where one can be mounted."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from studio.store.checkpoints import Checkpoints
from studio.store.run_folder import RunFolder
from studio.store.tensors import tuned_sha256
from tests.tiny_studio import ROOT, TinyStudio

MOUNT = 'mount -t tmpfs -o size=16m none "$0" && echo mounted && exec cat'
LEFT = 100_000
"""Bytes that a full disk still has: enough for what a run says, not for a save point."""

SLOWLY = ("--train-set=save_every=30", "--train-set=check=0")
STEPS = 150


class SmallDisk:
    """A disk at ``place`` for the commands that run beside it; ``root`` is where we see it."""

    def __init__(self, place: Path) -> None:
        words = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, str(place))
        self._holder = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert self._holder.stdout is not None
        self.is_mounted = self._holder.stdout.readline() == "mounted\n"
        self.place = place
        self.root = Path(f"/proc/{self._holder.pid}/root") / place.relative_to("/")

    def command(self, *words: str | Path) -> "subprocess.Popen[str]":
        """Run a command of the studio whose data are on the disk."""
        target = f"--target={self._holder.pid}"
        inside = ("nsenter", target, "--user", "--mount", "--wd", "--preserve-credentials")
        arguments = [*map(str, words), "--data-dir", str(self.place / "data"), "--json"]
        return subprocess.Popen(
            [*inside, sys.executable, "-m", "studio", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def fill(self, left: int = LEFT) -> None:
        """Leave as good as no room; with ``left`` 0, not one byte."""
        with open(self.root / "filler", "wb", buffering=0) as file:
            with suppress(OSError):
                while True:
                    file.write(bytes(4096))
            file.truncate(file.tell() - left)

    def clear(self) -> None:
        """Have room again."""
        (self.root / "filler").unlink()

    def close(self) -> None:
        """Let it go, with all that is on it."""
        self._holder.communicate()


@pytest.fixture
def disk(tmp_path: Path, studio: TinyStudio) -> Iterator[SmallDisk]:
    """A small disk with no process left on it."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("no disk can be mounted here")
    place = tmp_path / "disk"
    place.mkdir()
    disk = SmallDisk(place)
    try:
        if not disk.is_mounted:
            pytest.skip("no disk can be mounted here")
        yield disk
    finally:
        TinyStudio(disk.root / "data", studio.model, studio.launcher).clear()
        disk.close()


def heard(process: "subprocess.Popen[str]", last: str) -> list[dict[str, Any]]:
    """What a command says up to its event ``last``."""
    assert process.stdout is not None
    said: list[dict[str, Any]] = []
    while not said or said[-1]["event"] != last:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        said.append(json.loads(line))
    return said


@pytest.mark.slow
def test_a_full_disk_is_said_and_waited_for_and_nothing_is_lost(
    disk: SmallDisk, studio: TinyStudio, tmp_path: Path
) -> None:
    studio.fill("rows")
    order = studio.order("rows", *SLOWLY, method="full", steps=STEPS)
    undisturbed = studio(*order).lines[0]["run"]
    with disk.command("data", "import", tmp_path / "rows.jsonl", "--dataset", "rows") as importing:
        assert importing.wait() == 0, importing.communicate()

    with disk.command(*order) as training:
        run = RunFolder(disk.root / "data" / "runs" / heard(training, "checkpoint")[0]["run"])
        disk.fill()
        *_, waiting = heard(training, "waiting")
        assert waiting["reason"].startswith("The disk is full: ")
        saved = run.state().checkpoints[-1]
        assert 0 < saved < waiting["step"] <= STEPS
        training.send_signal(signal.SIGINT)
        out, _ = training.communicate(timeout=60)
        assert training.returncode == 130
    end = json.loads(out.splitlines()[-1])
    assert (end["status"], end["step"]) == ("paused", saved)
    assert end["reason"].startswith("The disk is full: ")
    assert Checkpoints(run.checkpoints.path).steps()[-1] == saved

    with disk.command("run", "resume", run.id) as resuming:
        first, *_, waiting = heard(resuming, "waiting")
        assert (first["event"], first["step"]) == ("resume", saved)
        disk.clear()
        out, err = resuming.communicate(timeout=60)
        assert resuming.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["status"] == "finished"
    assert tuned_sha256(run.tuned) == studio.show(undisturbed)["tuned_sha256"]


@pytest.mark.slow
def test_a_disk_without_one_byte_left_is_said_too(
    disk: SmallDisk, studio: TinyStudio, tmp_path: Path
) -> None:
    studio.fill("rows")
    with disk.command("data", "import", tmp_path / "rows.jsonl", "--dataset", "rows") as importing:
        assert importing.wait() == 0, importing.communicate()
    with disk.command(*studio.order("rows", *SLOWLY, method="full", steps=STEPS)) as training:
        heard(training, "step")
        disk.fill(left=0)
        *_, waiting = heard(training, "waiting")
        assert waiting["reason"].startswith("The disk is full: ")
        disk.clear()
        out, err = training.communicate(timeout=60)
        assert training.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["status"] == "finished"

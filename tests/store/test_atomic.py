import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from studio.core.errors import Refusal
from studio.store.atomic import (
    Disk,
    append_line,
    discard,
    ensure_folder,
    publishing,
    sweep,
    write_bytes,
    write_json,
    write_text,
)
from studio.store.owners import current


class FailingDisk(Disk):
    """A disk on which the call of one kind fails, after ``good`` ones."""

    def __init__(self, kind: str, number: int = errno.ENOSPC, good: int = 0) -> None:
        self.kind, self.error, self.good = kind, OSError(number, os.strerror(number)), good

    def _maybe_fail(self, kind: str) -> None:
        if kind == self.kind:
            self.good -= 1
            if self.good < 0:
                raise self.error

    def make_folder(self, path: Path) -> None:
        self._maybe_fail("make_folder")
        super().make_folder(path)

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data[: len(data) // 2])
        self._maybe_fail("write")
        path.write_bytes(data)

    def append(self, descriptor: int, data: bytes) -> int:
        taken = super().append(descriptor, data[: (len(data) + 1) // 2])
        self._maybe_fail("append")
        return taken

    def sync(self, path: Path) -> None:
        self._maybe_fail("sync")

    def rename(self, source: Path, target: Path) -> None:
        self._maybe_fail("rename")
        super().rename(source, target)


KINDS = ("write", "sync", "rename")


def test_a_file_holds_what_was_written_and_is_private(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"名": [1, None]})
    write_text(tmp_path / "b", "über")
    write_bytes(tmp_path / "b", b"again")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"名": [1, None]}
    assert (tmp_path / "b").read_bytes() == b"again"
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600, 0o600]


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_refusal_and_changes_nothing(
    kind: str, number: int, tmp_path: Path
) -> None:
    write_bytes(tmp_path / "plan.json", b"old")
    with pytest.raises(Refusal) as caught:
        write_bytes(tmp_path / "plan.json", b"newer", disk=FailingDisk(kind, number))
    assert caught.value.key == "disk.full"
    assert caught.value.facts["path"] == "plan.json"
    assert caught.value.facts["needed"] == 5
    assert caught.value.facts["free"] >= 0
    assert os.listdir(tmp_path) == ["plan.json"]
    assert (tmp_path / "plan.json").read_bytes() == b"old"


@pytest.mark.parametrize("kind", KINDS)
def test_a_failing_disk_is_never_taken_for_a_save(kind: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        write_bytes(tmp_path / "plan.json", b"new", disk=FailingDisk(kind, errno.EIO))
    assert os.listdir(tmp_path) == []


def test_a_line_is_appended_whole_also_in_two_parts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with open(path, "ab", buffering=0) as file:
        append_line(file.fileno(), b"first\n", path=path)
        append_line(file.fileno(), b"second\n", path=path, disk=FailingDisk("none"))
    assert path.read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize("good", [0, 1])
def test_a_line_that_does_not_fit_leaves_nothing(good: int, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"first\n")
    with open(path, "ab", buffering=0) as file:
        with pytest.raises(Refusal, match=r"disk\.full"):
            append_line(
                file.fileno(), b"second\n", path=path, disk=FailingDisk("append", good=good)
            )
        append_line(file.fileno(), b"third\n", path=path)
    assert path.read_bytes() == b"first\nthird\n"


def fill(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "a").write_bytes(b"1234")
    (folder / "b").write_bytes(b"56")


def publish_and_fail(path: Path, error: Exception) -> None:
    with publishing(path) as folder:
        fill(folder)
        raise error


def test_a_folder_is_published_whole_and_private(tmp_path: Path) -> None:
    with publishing(tmp_path / "run") as folder:
        fill(folder)
        assert not (tmp_path / "run").exists()
    assert os.listdir(tmp_path) == ["run"]
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"run": 0o700, "inner": 0o700, "a": 0o600, "b": 0o600}


def test_a_folder_that_stands_is_moved_aside_only_if_one_says_where(tmp_path: Path) -> None:
    with publishing(tmp_path / "run") as folder:
        fill(folder)
    with pytest.raises(AssertionError, match="run is there"), publishing(tmp_path / "run"):
        pass
    with publishing(tmp_path / "run", older=tmp_path / "run.older") as folder:
        (folder / "new").touch()
    assert os.listdir(tmp_path / "run") == ["new"]
    assert sorted(os.listdir(tmp_path / "run.older")) == ["b", "inner"]


@pytest.mark.parametrize("kind", ["make_folder", "sync", "rename"])
def test_a_full_disk_publishes_nothing(kind: str, tmp_path: Path) -> None:
    with (
        pytest.raises(Refusal) as caught,
        publishing(tmp_path / "run", disk=FailingDisk(kind)) as folder,
    ):
        fill(folder)
    assert caught.value.facts["needed"] == (0 if kind == "make_folder" else 6)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        # What safetensors raises is no OSError and has no number.
        RuntimeError("Error while serializing: I/O error: No space left (os error 28)"),
    ],
)
def test_a_library_that_meets_a_full_disk_is_a_refusal_too(
    error: Exception, tmp_path: Path
) -> None:
    with pytest.raises(Refusal) as caught:
        publish_and_fail(tmp_path / "step-1", error)
    assert (caught.value.key, caught.value.facts["path"]) == ("disk.full", "step-1")
    assert os.listdir(tmp_path) == []


def test_another_error_passes_and_publishes_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        publish_and_fail(tmp_path / "run", KeyError("x"))
    assert os.listdir(tmp_path) == []


def test_folders_above_are_made_too(tmp_path: Path) -> None:
    ensure_folder(tmp_path / "a" / "b")
    ensure_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    fill(tmp_path)
    discard(tmp_path / "inner")
    discard(tmp_path / "b")
    discard(tmp_path / "never was")
    assert os.listdir(tmp_path) == []


def test_only_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    me = current()
    mine = f".run.{me.pid}-{me.started}-0123abcd"
    dead = f".plan.json.{me.pid}-{me.started - 1}-0123abcd"
    (tmp_path / mine).touch()
    (tmp_path / dead).touch()
    (tmp_path / ".step-1.999999999-5-0123abcd").mkdir()
    (tmp_path / ".step-1.999999999-5-0123abcd" / "a").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "plan.json").touch()
    assert sweep(tmp_path) == [dead, ".step-1.999999999-5-0123abcd"]
    assert sorted(os.listdir(tmp_path)) == sorted([".hidden", mine, "plan.json"])


KILLED = """
import os, signal, sys
from pathlib import Path
from studio.store.atomic import publishing
with publishing(Path(sys.argv[1]) / "run") as folder:
    (folder / "a").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept(tmp_path: Path, repository: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=repository, check=False)
    assert len(os.listdir(tmp_path)) == 1
    assert len(sweep(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


FULL = """
from pathlib import Path
from studio.core.errors import Refusal
from studio.store.atomic import append_line, publishing, write_bytes
root = Path("/mnt")
write_bytes(root / "kept", b"old")
log = open(root / "log", "ab", buffering=0)
append_line(log.fileno(), b"first\\n", path=root / "log")
for save in ("file", "folder", "line"):
    try:
        if save == "file":
            write_bytes(root / "kept", b"x" * 2_000_000)
        elif save == "folder":
            with publishing(root / "run") as folder:
                (folder / "a").write_bytes(b"x" * 2_000_000)
        else:
            append_line(log.fileno(), b"x" * 2_000_000, path=root / "log")
    except Refusal as refusal:
        assert refusal.key == "disk.full", refusal
        assert refusal.facts["needed"] > refusal.facts["free"], refusal
    else:
        raise AssertionError(save)
write_bytes(root / "kept", (root / "kept").read_bytes() + b" and new")
print(sorted(path.name for path in root.iterdir()))
print((root / "kept").read_text(), (root / "log").read_text())
"""


def test_a_disk_that_is_really_full_loses_nothing(repository: Path) -> None:
    """On a file system of one megabyte, where this machine lets us make one."""
    mount = "mount -t tmpfs -o size=1m none /mnt && exec "
    shell = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if (
        not shutil.which("unshare")
        or subprocess.run([*shell, mount + "true"], check=False).returncode
    ):
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [*shell, mount + '"$0" -c "$1"', sys.executable, FULL],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("['kept', 'log']\nold and new first\n\n", "")

"""After a power cut at any point of a save, the save point before it, or the new one, is there."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.store.atomic import Disk, publishing, sweep, write_bytes
from studio.store.checkpoints import Checkpoints
from tests.store.recorded_disk import RecordingDisk, State, lay, remains, replay


class Unsynced(Disk):
    """A disk that need not be safe."""

    def sync(self, path: Path) -> None:
        pass


def save(checkpoints: Checkpoints, step: int, text: str) -> None:
    with checkpoints.writing(step) as folder:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "weights.bin").write_bytes(text.encode() * 50)
        (folder / "state.json").write_text(f'"{text}"', encoding="utf-8")


def saved(checkpoints: Checkpoints) -> str | None:
    """What the newest valid save point says; both of its files must agree."""
    latest = checkpoints.latest()
    if latest is None:
        return None
    text = (latest.path / "state.json").read_text(encoding="utf-8").strip('"')
    assert (latest.path / "adapter" / "weights.bin").read_bytes() == text.encode() * 50
    return text


def recording(folder: Path) -> RecordingDisk:
    (folder / "disk").mkdir()
    return RecordingDisk(folder / "disk")


def cuts(disk: RecordingDisk, start: int, folder: Path) -> Iterator[tuple[Path, bool]]:
    """Each folder that a power cut after ``start`` or more deeds may leave, and whether that is
    after all of them; equal ones once."""
    seen = set[tuple[State, bool]]()
    for end in range(start, len(disk.deeds) + 1):
        is_over = end == len(disk.deeds)
        for state in remains(replay(disk.deeds[:end])):
            if (state, is_over) not in seen:
                seen.add((state, is_over))
                lay(state, folder)
                yield folder, is_over
                shutil.rmtree(folder)


SCENARIOS = {
    "one after the other": [(1, "one"), (2, "two"), (3, "three"), (4, "four")],
    "the same again": [(1, "one"), (1, "one again"), (1, "and again")],
    "back to an earlier one": [(1, "one"), (2, "two"), (3, "three"), (2, "two again"), (5, "five")],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_save_point_survives_a_power_cut_at_any_point(name: str, tmp_path: Path) -> None:
    disk = recording(tmp_path)
    checkpoints = Checkpoints(disk.root / "checkpoints", disk=disk)
    before, checked = None, 0
    for step, text in SCENARIOS[name]:
        start = len(disk.deeds) + 1
        save(checkpoints, step, text)
        after = saved(checkpoints)
        for folder, is_over in cuts(disk, start, tmp_path / "cut"):
            found = Checkpoints(folder / "checkpoints", disk=Unsynced())
            assert saved(found) in ({after} if is_over else {before, after})
            assert found.damaged == []
            check_that_the_next_save_works(found)
            checked += 1
        before = after
    assert checked > 80


def check_that_the_next_save_works(checkpoints: Checkpoints) -> None:
    save(checkpoints, 9, "nine")
    assert saved(checkpoints) == "nine"
    names = {name.removesuffix(".older") for name in os.listdir(checkpoints.path)}
    assert names == {f"step-{step}" for step in checkpoints.steps()}


def test_a_file_is_old_or_new_after_a_power_cut_at_any_point(tmp_path: Path) -> None:
    disk = recording(tmp_path)
    path = disk.root / "plan.json"
    write_bytes(path, b"old", disk=disk)
    start = len(disk.deeds)
    write_bytes(path, b"and new", disk=disk)
    for folder, is_over in cuts(disk, start, tmp_path / "cut"):
        allowed = {b"and new"} if is_over else {b"old", b"and new"}
        assert (folder / "plan.json").read_bytes() in allowed
        sweep(folder, disk=Unsynced())
        assert os.listdir(folder) == ["plan.json"]


def test_a_folder_is_whole_or_absent_after_a_power_cut_at_any_point(tmp_path: Path) -> None:
    disk = recording(tmp_path)
    with publishing(disk.root / "run", disk=disk) as run:
        (run / "recipe.json").write_bytes(b"a recipe")
        (run / "rows.jsonl").write_bytes(b"rows")
    whole = {"recipe.json": b"a recipe", "rows.jsonl": b"rows"}
    for folder, is_over in cuts(disk, 0, tmp_path / "cut"):
        sweep(folder, disk=Unsynced())
        found = {path.name: path.read_bytes() for path in folder.rglob("*.json*")}
        assert found == whole or (not is_over and os.listdir(folder) == [])


def test_a_save_that_is_not_synced_would_be_found_out(tmp_path: Path) -> None:
    disk = recording(tmp_path)
    write_bytes(disk.root / "plan.json", b"old", disk=disk)
    disk.deeds = [deed for deed in disk.deeds if deed.kind != "sync" or deed.path == "."]
    cut = [(folder / "plan.json").read_bytes() for folder, _ in cuts(disk, 4, tmp_path / "cut")]
    assert b"o" in cut

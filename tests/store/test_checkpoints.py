import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.core.errors import Fault, Refusal
from studio.store.atomic import Disk
from studio.store.checkpoints import Checkpoint, Checkpoints
from tests.store.test_atomic import FailingDisk

FILES = ("inner/weights.bin", "state.json", "manifest.json")


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints")


def save(checkpoints: Checkpoints, *steps: int, text: str = "") -> None:
    for step in steps:
        with checkpoints.writing(step) as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "weights.bin").write_bytes(b"\x00\x01" * 50)
            (folder / "state.json").write_text(f'{{"step": {step}}}{text}', encoding="utf-8")


def test_without_a_save_there_is_none(checkpoints: Checkpoints) -> None:
    assert checkpoints.latest() is None
    assert (checkpoints.steps(), checkpoints.damaged) == ([], [])


def test_the_newest_is_found_and_two_are_kept(checkpoints: Checkpoints) -> None:
    save(checkpoints, 5, 9, 10, 100)
    assert checkpoints.latest() == Checkpoint(100, checkpoints.path / "step-100")
    assert checkpoints.steps() == [10, 100]
    assert sorted(os.listdir(checkpoints.path)) == ["step-10", "step-100"]


def test_more_are_kept_if_one_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    save(checkpoints, 1, 2, 3, 4)
    assert checkpoints.steps() == [2, 3, 4]


def test_what_a_death_left_behind_is_tidied_up(tmp_path: Path) -> None:
    Checkpoints(tmp_path, keep=9).tidy()
    save(Checkpoints(tmp_path, keep=9), 1, 2, 3)
    (tmp_path / ".step-4.999999999-1-00000000").mkdir()
    Checkpoints(tmp_path).tidy()
    assert sorted(os.listdir(tmp_path)) == ["step-2", "step-3"]


def test_a_save_point_is_private(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1)
    folders = [path for path in checkpoints.path.rglob("*") if path.is_dir()]
    files = [path for path in checkpoints.path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in [checkpoints.path, *folders]} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, (0, 0))  # this test may be faster than the file system's clock


DAMAGES: tuple[Callable[[Path], None], ...] = (empty, halve, flip, Path.unlink)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_one_is_passed_over_and_named(
    checkpoints: Checkpoints, name: str, damage: Callable[[Path], None]
) -> None:
    save(checkpoints, 1, 2)
    damage(checkpoints.path / "step-2" / name)
    for reader in (checkpoints, Checkpoints(checkpoints.path)):
        latest = reader.latest()
        assert latest is not None
        assert (latest.step, reader.steps(), reader.damaged) == (1, [1], ["step-2"])


@pytest.mark.parametrize("damage", DAMAGES)
def test_pruning_counts_only_valid_ones(
    checkpoints: Checkpoints, damage: Callable[[Path], None]
) -> None:
    save(checkpoints, 1, 2)
    damage(checkpoints.path / "step-2" / "inner" / "weights.bin")
    save(checkpoints, 3)
    assert (checkpoints.steps(), checkpoints.damaged) == ([1, 3], ["step-2"])
    save(checkpoints, 4)
    assert sorted(os.listdir(checkpoints.path)) == ["step-3", "step-4"]


def test_every_flipped_byte_is_seen(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1)
    time.sleep(0.02)  # for the file system's clock to go on
    for name in FILES:
        path = checkpoints.path / "step-1" / name
        whole = path.read_bytes()
        for index in range(len(whole)):
            path.write_bytes(whole[:index] + bytes([whole[index] ^ 0x20]) + whole[index + 1 :])
            changed = Checkpoints(checkpoints.path).latest()
            # Between the words of the manifest a changed space may not change what it says.
            assert changed is None or whole[index : index + 1] in b" \n"
        path.write_bytes(whole)
    assert checkpoints.latest() is not None


def test_one_of_another_step_under_this_name_does_not_count(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1)
    (checkpoints.path / "step-1").rename(checkpoints.path / "step-7")
    assert (checkpoints.latest(), checkpoints.damaged) == (None, ["step-7"])


def test_what_is_no_save_point_is_left_alone(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1)
    (checkpoints.path / "step-two").mkdir()
    (checkpoints.path / "notes").touch()
    save(checkpoints, 2, 3)
    assert (checkpoints.steps(), checkpoints.damaged) == ([2, 3], [])
    assert {"step-two", "notes"} <= set(os.listdir(checkpoints.path))


def test_the_order_is_that_of_the_steps_when_the_clock_is_set_back(
    checkpoints: Checkpoints,
) -> None:
    for step in range(1, 6):
        save(checkpoints, step)
        past = time.time() - step * 100_000
        for path in [
            checkpoints.path / f"step-{step}",
            *checkpoints.path.rglob(f"step-{step}/**/*"),
        ]:
            os.utime(path, (past, past))
    assert checkpoints.steps() == [4, 5]
    latest = Checkpoints(checkpoints.path).latest()
    assert latest is not None
    assert latest.step == 5


def test_saving_a_step_again_replaces_it(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 2)
    save(checkpoints, 2, text=" ")
    assert sorted(os.listdir(checkpoints.path)) == ["step-1", "step-2"]
    text = (checkpoints.path / "step-2" / "state.json").read_text(encoding="utf-8")
    assert text == '{"step": 2} '


def test_a_damaged_step_saved_again_leaves_nothing_of_the_old(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 2)
    empty(checkpoints.path / "step-2" / "state.json")
    save(checkpoints, 2)
    assert sorted(os.listdir(checkpoints.path)) == ["step-1", "step-2"]
    assert checkpoints.steps() == [1, 2]


def interrupted(checkpoints: Checkpoints) -> None:
    """As a power cut between two renames leaves it: step 1 has only its older folder."""
    save(checkpoints, 1)
    (checkpoints.path / "step-1").rename(checkpoints.path / "step-1.older")


def test_an_older_folder_counts_until_its_step_is_saved_again(checkpoints: Checkpoints) -> None:
    interrupted(checkpoints)
    assert checkpoints.latest() == Checkpoint(1, checkpoints.path / "step-1.older")
    save(checkpoints, 1)
    assert os.listdir(checkpoints.path) == ["step-1"]


def test_an_older_folder_is_kept_while_its_step_is_damaged(checkpoints: Checkpoints) -> None:
    interrupted(checkpoints)
    shutil.copytree(checkpoints.path / "step-1.older", checkpoints.path / "step-1")
    empty(checkpoints.path / "step-1" / "state.json")
    assert checkpoints.latest() == Checkpoint(1, checkpoints.path / "step-1.older")
    with pytest.raises(KeyError):
        save_and_fail(checkpoints, 1)
    assert checkpoints.latest() == Checkpoint(1, checkpoints.path / "step-1.older")
    save(checkpoints, 1)
    assert os.listdir(checkpoints.path) == ["step-1"]


def test_an_older_folder_goes_before_its_step_is_replaced(checkpoints: Checkpoints) -> None:
    interrupted(checkpoints)
    shutil.copytree(checkpoints.path / "step-1.older", checkpoints.path / "step-1")
    save(checkpoints, 1)
    assert os.listdir(checkpoints.path) == ["step-1"]


def save_and_fail(checkpoints: Checkpoints, step: int) -> None:
    with checkpoints.writing(step) as folder:
        (folder / "state.json").touch()
        raise KeyError("x")


def test_a_save_that_fails_changes_nothing(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 2)
    with pytest.raises(KeyError):
        save_and_fail(checkpoints, 3)
    assert sorted(os.listdir(checkpoints.path)) == ["step-1", "step-2"]


@pytest.mark.parametrize("kind", ["make_folder", "write", "sync", "rename"])
def test_a_full_disk_leaves_the_old_ones_and_the_next_save_works(
    checkpoints: Checkpoints, kind: str
) -> None:
    save(checkpoints, 1, 2)
    with pytest.raises(Refusal, match=r"disk\.full"):
        save(Checkpoints(checkpoints.path, disk=FailingDisk(kind)), 3)
    assert sorted(os.listdir(checkpoints.path)) == ["step-1", "step-2"]
    save(checkpoints, 3)
    assert checkpoints.steps() == [2, 3]


class ForgetfulDisk(Disk):
    """A disk that says it has taken everything, and loses the end of each file."""

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        if target.is_dir():
            halve(target / "state.json")


def test_a_disk_that_does_not_keep_its_promise_is_a_fault(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1, 2)
    with pytest.raises(Fault, match=r"checkpoint\.damaged\(step=3\)"):
        save(Checkpoints(checkpoints.path, disk=ForgetfulDisk()), 3)
    assert (checkpoints.steps(), checkpoints.damaged) == ([1, 2], ["step-3"])


def test_what_a_killed_save_left_is_swept_by_the_next(checkpoints: Checkpoints) -> None:
    save(checkpoints, 1)
    child = os.fork()
    if not child:
        with checkpoints.writing(2):
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert len(os.listdir(checkpoints.path)) == 2
    save(checkpoints, 2)
    assert sorted(os.listdir(checkpoints.path)) == ["step-1", "step-2"]

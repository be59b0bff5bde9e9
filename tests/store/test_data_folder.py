import stat
from pathlib import Path

import platformdirs
import pytest

from studio.core.errors import Refusal, UserMistake
from studio.store.data_folder import VARIABLE, DataFolder, file_system_of

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:30 / /home rw - nfs4 server:/home rw
41 22 0:31 / /home/my\\040disk rw master:3 - fuse.sshfs me@there rw
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "a" / "data")
    made = {path.name for path in folder.root.iterdir()}
    assert made == {"models", "runs", "exports", "uploads", "locks"}
    assert {mode(path) for path in (folder.root, *folder.root.iterdir())} == {0o700}


def test_an_empty_folder_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    assert mode(DataFolder.open(tmp_path / "data").root) == 0o700


def test_a_folder_with_other_things_in_it_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "letter.txt").touch()
    folder = DataFolder.open(tmp_path / "data")
    assert (mode(folder.root), mode(folder.runs)) == (0o755, 0o700)


def test_a_data_folder_that_was_opened_to_others_is_closed_again(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "data")
    folder.database.touch()
    folder.root.chmod(0o755)
    assert mode(DataFolder.open(folder.root).root) == 0o700


def test_a_choice_wins_over_the_environment_and_that_over_the_usual_place(tmp_path: Path) -> None:
    environ = {VARIABLE: str(tmp_path / "env")}
    assert DataFolder.open(tmp_path / "chosen", environ).root == tmp_path / "chosen"
    assert DataFolder.open(None, environ).root == tmp_path / "env"


def test_the_usual_place_is_the_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = DataFolder.open(None, {})
    assert folder.root == platformdirs.user_data_path("finetune-studio", appauthor=False)
    assert folder.root.name == "finetune-studio"


def test_everything_has_its_place(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "data")
    places = [folder.database, folder.models, folder.runs, folder.exports, folder.locks]
    names = [path.relative_to(folder.root).as_posix() for path in (*places, folder.backups)]
    assert names == ["studio.db", "models", "runs", "exports", "locks", "backups"]


@pytest.mark.parametrize("inner", ["", "below"])
def test_a_file_is_no_folder(tmp_path: Path, inner: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserMistake, match=r"folder\.is_a_file"):
        DataFolder.open(tmp_path / "file" / inner)


def test_a_place_where_nothing_can_be_made_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        DataFolder.open(Path("/proc/nowhere"))
    assert caught.value.key == "folder.unwritable"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/data", "ext4"),
        ("/home/me/data", "nfs4"),
        ("/home/my disk/data", "fuse.sshfs"),
        ("/homely", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_without_a_mount_the_file_system_is_unknown() -> None:
    assert file_system_of(Path("/x"), "") == ""


def test_a_local_disk_needs_no_warning(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path / "data")
    assert folder.network_file_system() is None
    assert folder.network_file_system(tmp_path / "no list on this system") is None


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_disk_needs_a_warning(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"40 22 0:30 / {tmp_path.resolve()} rw - {kind} there rw\n", encoding="utf-8")
    assert DataFolder.open(tmp_path / "data").network_file_system(mounts) == kind

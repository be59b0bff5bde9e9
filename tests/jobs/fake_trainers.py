"""Trainers that train nothing: what they do with their process is what the tests look at."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from studio.core.errors import Refusal
from studio.core.events import Refused
from studio.store.run_folder import RunFolder


def quick(_folder: str) -> int:
    """End at once."""
    return 0


def obedient(folder: str) -> int:
    """Live until asked to pause or stop; 0 for pause, 3 for stop."""
    run = RunFolder(Path(folder))
    while (word := run.asked()) is None:
        run.beat()
        time.sleep(0.01)
    return 0 if word == "pause" else 3


def refusing(folder: str) -> int:
    """Live until asked to pause or stop, and say then that the run could not be gone on with."""
    obedient(folder)
    with RunFolder(Path(folder)).open_log() as log:
        log.append(Refused(3, Refusal("plan.differs", differences="a fake").as_json()))
    return 1


def deaf(_folder: str) -> int:
    """Live on, whatever is asked; end at SIGTERM."""
    print("deaf 聋")
    time.sleep(600)
    return 0


def stubborn(folder: str) -> int:
    """Live on, also at SIGTERM, with a child and a grandchild that do the same."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    program = "import subprocess, sys, time; " + (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"
    )
    child = subprocess.Popen([sys.executable, "-c", program])
    Path(folder, "child").write_text(str(child.pid), encoding="utf-8")
    time.sleep(600)
    return 0


def leaving_a_child(folder: str) -> int:
    """End, and leave a child behind that would live for long."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(folder, "child").write_text(str(child.pid), encoding="utf-8")
    return 0


def failing(_folder: str) -> int:
    """End with an exception."""
    raise RuntimeError("a fake failure")


def killed(_folder: str) -> int:
    """End by a signal."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hungry(_folder: str) -> int:
    """Use 100 MB for a moment."""
    return len(b"x" * 100_000_000) - 100_000_000


def chatty(_folder: str) -> int:
    """Print 200 MB as fast as it goes, and after a while a last line."""
    line = "x" * 999
    for _ in range(200_000):
        print(line)
    time.sleep(0.5)
    print("the last line")
    return 0


def hanging(folder: str) -> int:
    """Fall silent until asked to stop."""
    run = RunFolder(Path(folder))
    while run.asked() is None:
        a_place_to_hang()
    return 0


def a_place_to_hang() -> None:
    time.sleep(0.05)


def revealing(folder: str) -> int:
    """Write down what the process was born with."""
    paths = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    found = [os.readlink(path) for path in paths if path.is_symlink()]  # not that of listdir
    blocked = sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    facts = {
        "descriptors": sorted(found),
        "session": os.getsid(0),
        "group": os.getpgid(0),
        "pid": os.getpid(),
        "keeper": os.getppid(),
        "openmp": os.environ.get("OMP_WAIT_POLICY"),
        "handlers": [str(signal.getsignal(n)) for n in (signal.SIGTERM, signal.SIGCHLD)],
        "blocked": blocked,
        "umask": os.umask(0o077),
        "preloaded": "colorsys" in sys.modules,
    }
    Path(folder, "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    return 0

"""How our processes begin: the one place that spawns and forks.

A job is a function of ours, named ``module:function``, in a process of its own; it gets words and
open descriptors, and a log for its output. Knows nothing of what the function does.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self

from studio.core.errors import Fault
from studio.jobs.identity import Identity, of

if sys.platform == "win32":
    import msvcrt

ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
"""Threads that spin while they wait make small updates hundreds of times slower on busy cores; a
log should hold all that was printed, in any language, however the process ends."""

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from studio.jobs.processes import main; sys.exit(main(sys.argv[2]))"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A call of ``entry`` with ``words``, then ``descriptors`` as numbers; it returns an exit code.

    What it prints goes to the end of the file ``log``.
    """

    entry: str
    words: tuple[str, ...]
    log: Path
    descriptors: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The job as JSON; :meth:`from_json` is the inverse."""
        return asdict(self) | {"log": str(self.log)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The job that :meth:`as_json` wrote."""
        words, descriptors = tuple(data["words"]), tuple(data["descriptors"])
        return cls(data["entry"], words, Path(data["log"]), descriptors)

    def run(self) -> int:
        """Make the call, here and now."""
        module, _, name = self.entry.partition(":")
        function = getattr(importlib.import_module(module), name)
        return int(function(*self.words, *self.descriptors))


class Launcher(Protocol):
    """Whoever can start jobs that outlive this process."""

    def launch(self, job: Job) -> Identity:
        """Start ``job`` in a session of its own, as no child of ours; returns who it is."""
        ...


class Spawner:
    """Starts jobs in fresh interpreters, on every platform."""

    def launch(self, job: Job) -> Identity:
        """Start ``job`` in a session of its own, as no child of ours; returns who it is."""
        if sys.platform == "win32":  # where nobody waits for children
            identity = of(spawn(job).pid)
        else:
            with spawn(job, detached=True) as middle:
                said, _ = middle.communicate()
            identity = Identity.from_json(json.loads(said or b"null"))
        if identity is None:
            raise Fault("jobs.not_started", log=str(job.log))
        return identity


def spawn(job: Job, *, detached: bool = False) -> "subprocess.Popen[bytes]":
    """Start ``job`` in a fresh interpreter and a session of its own.

    It is our child, to be waited for; if ``detached``, the child only starts it, prints its
    identity as JSON on a pipe, and ends.
    """
    log = _open_log(job.log)
    shared, options = _sharing(job)
    order = json.dumps({"job": shared.as_json(), "detached": detached})
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(_ROOT), order],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if detached else log,
            stderr=log,
            env=ENVIRONMENT | os.environ,
            start_new_session=True,
            **options,
        )
    finally:
        os.close(log)


def main(order: str) -> int:
    """What a fresh interpreter does first."""
    data = json.loads(order)
    os.umask(0o077)
    job = _received(Job.from_json(data["job"]))
    if not data["detached"]:
        return job.run()
    print(json.dumps(detach(job).as_json()))
    return 0


def detach(job: Job) -> Identity:
    """Fork ``job`` into a session of its own; it becomes nobody's child as soon as we end."""
    identity = of(fork(lambda: begin(job, os.setsid)))
    assert identity is not None  # it cannot be gone before we wait for it
    return identity


def begin(job: Job, leave: Callable[[], None]) -> int:
    """Be the process of ``job``, in a fork: take nothing along that it has not been given."""
    leave()
    os.umask(0o077)
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and handler is not signal.default_int_handler:
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    log, nothing = _open_log(job.log), os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    kept = sorted({0, 1, 2, *job.descriptors, os.sysconf("SC_OPEN_MAX")})
    for low, high in pairwise(kept):
        os.closerange(low + 1, high)
    return job.run()


def fork(run: Callable[[], int]) -> int:
    """Fork a child that ends with what ``run`` returns; returns its number, in the parent only."""
    child = os.fork()
    if not child:
        _end_with(run)
    return child


def _end_with(run: Callable[[], int]) -> NoReturn:
    """End this process with what ``run`` returns, whatever it does: nothing above us may go on."""
    code = 1
    try:
        try:
            code = run()
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _open_log(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _sharing(job: Job) -> tuple[Job, dict[str, Any]]:
    """The job as its process will see it, and what makes its descriptors open there."""
    if sys.platform == "win32":
        handles = [msvcrt.get_osfhandle(descriptor) for descriptor in job.descriptors]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        info = subprocess.STARTUPINFO(lpAttributeList={"handle_list": handles})
        return replace(job, descriptors=tuple(handles)), {"startupinfo": info}
    return job, {"pass_fds": job.descriptors}


def _received(job: Job) -> Job:
    if sys.platform == "win32":
        descriptors = [msvcrt.open_osfhandle(handle, 0) for handle in job.descriptors]
        return replace(job, descriptors=tuple(descriptors))
    return job

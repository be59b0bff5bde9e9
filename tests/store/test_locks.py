import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.core.errors import Refusal
from studio.store.locks import Held, Lock, owner
from studio.store.owners import current

HOLD = """
import sys, time
from pathlib import Path
from studio.core.errors import Refusal
from studio.store.locks import Lock
while time.time() < float(sys.argv[2]):
    pass
try:
    held = Lock(Path(sys.argv[1])).acquire(sys.argv[3])
except Refusal as refusal:
    print(refusal.key, flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(
    path: Path, repository: Path, *, at: float = 0, purpose: str = "run"
) -> "subprocess.Popen[str]":
    """A process that tries to take the lock at that time, and keeps it until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(at), purpose],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def word(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_held_lock_names_its_owner_and_is_refused_to_others(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "locks" / "device.lock")
    assert owner(lock.path) is None
    with lock.acquire("run 7"):
        assert owner(lock.path) == current().as_json() | {"purpose": "run 7"}
        with pytest.raises(Refusal) as caught:
            lock.acquire("chat")
        assert caught.value.key == "lease.busy"
        assert caught.value.facts == {"owner": "run 7", "pid": os.getpid()}
    assert owner(lock.path) is None
    assert lock.path.stat().st_mode & 0o777 == 0o600


def test_a_lock_can_be_taken_again_and_released_twice(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "device.lock")
    held = lock.acquire("a very long purpose " * 10)
    held.release()
    held.release()
    with lock.acquire("b"):
        assert owner(lock.path) == current().as_json() | {"purpose": "b"}


def test_a_descriptor_holds_the_lock_for_whoever_has_it(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "device.lock")
    first = lock.acquire("server")
    second = Held.inherited(os.dup(first.fileno()), "keeper")
    first.release()
    found = owner(lock.path)
    assert found is not None
    assert found["purpose"] == "keeper"
    second.release()
    assert owner(lock.path) is None


def test_a_killed_holder_leaves_no_trace(tmp_path: Path, repository: Path) -> None:
    path = tmp_path / "device.lock"
    with holder(path, repository, purpose="lost") as process:
        assert word(process) == "held"
        found = owner(path)
        assert found is not None
        assert (found["purpose"], found["pid"]) == ("lost", process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert owner(path) is None
        Lock(path).acquire("next").release()


def test_of_twenty_processes_that_ask_at_once_one_gets_it(tmp_path: Path, repository: Path) -> None:
    path = tmp_path / "device.lock"
    at = time.time() + 3
    processes = [holder(path, repository, at=at) for _ in range(20)]
    words = [word(process) for process in processes]
    assert sorted(words) == ["held"] + ["lease.busy"] * 19
    for process in processes:
        process.communicate("")
    assert owner(path) is None


def test_asking_for_the_owner_never_costs_anyone_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "device.lock"
    Lock(path).acquire("first").release()
    child = os.fork()
    if not child:
        while True:
            owner(path)
    try:
        for _ in range(300):
            Lock(path).acquire("again").release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b'{"purpose": "x"'])
def test_a_holder_that_has_not_signed_yet_has_no_name(content: bytes, tmp_path: Path) -> None:
    lock = Lock(tmp_path / "device.lock")
    with lock.acquire("x"):
        lock.path.write_bytes(content)
        assert owner(lock.path) == {}
        with pytest.raises(Refusal, match=r"lease\.busy\(owner='\?', pid=None\)"):
            lock.acquire("y")


def test_an_old_longer_signature_does_not_show_through(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "device.lock")
    with lock.acquire("long" * 100) as held:
        held.sign("short")
        assert json.loads(lock.path.read_text(encoding="utf-8"))["purpose"] == "short"

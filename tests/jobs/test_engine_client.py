import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from studio.core import wire
from studio.core.errors import Fault, Refusal, StudioError
from studio.core.words import words
from studio.jobs.engine_client import Engine
from studio.jobs.identity import alive, of
from studio.jobs.zygote import Zygote
from tests.jobs.conftest import until


def open_engine(log: Path, worker: str = "main", patience: float = 60) -> Engine:
    return Engine(f"tests.jobs.fake_worker:{worker}", log=log, patience=patience)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "engine.log"


@pytest.fixture
def engine(log: Path) -> Iterator[Engine]:
    with open_engine(log) as engine:
        yield engine


def test_a_call_gives_the_result(engine: Engine) -> None:
    assert engine.call("echo", text="发烧\n\u2028", number=1.5) == {
        "text": "发烧\n\u2028",
        "number": 1.5,
    }


def test_a_stream_gives_the_events_and_then_the_result(engine: Engine) -> None:
    answer = engine.stream("count", to=3)
    assert [event["number"] for event in answer] == [0, 1, 2]
    assert answer.result == 3
    assert list(answer) == []


def test_a_call_leaves_the_events_aside(engine: Engine) -> None:
    assert engine.call("count", to=1000) == 1000


def test_a_long_line_goes_through_both_ways(engine: Engine) -> None:
    text = "é" * 1_000_000
    assert engine.call("echo", text=text) == {"text": text}


def test_an_error_of_the_worker_is_raised_as_it_was(engine: Engine) -> None:
    answer = engine.stream("refuse")
    assert next(answer) == {"number": 0}
    with pytest.raises(Refusal) as caught:
        next(answer)
    assert (caught.value.key, caught.value.facts) == ("model.unknown", {"name": "x"})
    assert list(answer) == []
    assert engine.call("echo", a=1) == {"a": 1}


def test_what_json_cannot_hold_is_not_sent(engine: Engine) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        engine.call("echo", number=float("inf"))
    assert engine.call("echo", a=1) == {"a": 1}


def test_threads_share_an_engine(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda n: engine.call("echo", n=n)["n"], range(200)))
    assert results == list(range(200))


@pytest.mark.parametrize("how", ["closed", "left", "forgotten"])
def test_an_answer_that_nobody_wants_is_cancelled(engine: Engine, how: str) -> None:
    answer = engine.stream("count", to=100_000, pause=0.001)
    next(answer)
    if how == "closed":
        answer.close()
        answer.close()
        assert list(answer) == []
    elif how == "left":
        with answer:
            next(answer)
    del answer
    gc.collect()
    assert 1 <= engine.call("last_count") < 10_000


def test_an_answer_can_be_cancelled_while_another_thread_waits(engine: Engine) -> None:
    answer = engine.stream("count", to=2, pause=30)
    next(answer)
    threading.Timer(0.2, answer.close).start()
    began = time.monotonic()
    assert list(answer) == []
    assert time.monotonic() - began < 5
    assert answer.result is None


def test_what_the_worker_prints_is_in_the_log(engine: Engine, log: Path) -> None:
    engine.call("echo", a=1)
    assert log.read_text(encoding="utf-8") == "the worker's output\n"
    assert log.stat().st_mode & 0o777 == 0o600


def died(engine: Engine, op: str, **args: object) -> Fault:
    """The fault that ends this answer, after its first event, and every later one."""
    answer = engine.stream(op, **args)
    assert next(answer) == {"number": 0}
    with pytest.raises(Fault) as caught:
        next(answer)
    until(lambda: not engine.is_alive)
    with pytest.raises(Fault, match=caught.value.key):
        engine.call("echo")
    until(lambda: not psutil.pid_exists(engine.pid))
    return caught.value


def test_a_crash_in_the_middle_of_an_answer_is_a_fault(engine: Engine, log: Path) -> None:
    fault = died(engine, "crash", code=7)
    assert (fault.key, fault.facts) == (
        "engine.died",
        {"problem": "last words", "log": str(log)},
    )


@pytest.mark.parametrize(
    ("number", "key"), [(9, "engine.killed"), (15, "engine.died"), (11, "engine.died")]
)
def test_a_killed_worker_is_a_fault(engine: Engine, log: Path, number: int, key: str) -> None:
    fault = died(engine, "kill", signal=number)
    problem = {} if number == 9 else {"problem": signal.Signals(number).name}
    assert (fault.key, fault.facts) == (key, {"log": str(log)} | problem)


@pytest.mark.parametrize(("number", "key"), [(9, "engine.out_of_memory"), (15, "engine.died")])
def test_memory_is_blamed_only_where_the_kernel_has_killed_for_it(
    log: Path, number: int, key: str
) -> None:
    kills = iter([3, 4])
    with Engine("tests.jobs.fake_worker:main", log=log, count_kills=lambda: next(kills)) as engine:
        answer = engine.stream("kill", signal=number)
        next(answer)
        with pytest.raises(StudioError) as caught:
            next(answer)
    assert caught.value.key == key


@pytest.mark.parametrize("line", [b"garbage", b"[]", b"{}", b'{"id": []}', b"\xff", b'{"id": 1'])
def test_a_line_that_is_no_message_ends_the_engine(engine: Engine, line: bytes) -> None:
    assert died(engine, "babble", line=line.hex()).key == "engine.garbled"


def test_a_line_without_end_ends_the_engine(engine: Engine) -> None:
    assert died(engine, "drone", length=wire.LINE_LIMIT + 1).key == "engine.garbled"


def test_a_worker_that_hangs_up_is_ended(engine: Engine) -> None:
    assert died(engine, "shut").key == "engine.died"


def test_every_open_answer_ends_with_the_engine(engine: Engine) -> None:
    answers = [engine.stream("count", to=100_000, pause=0.01) for _ in range(5)]
    next(answers[0])
    os.kill(engine.pid, signal.SIGKILL)
    for answer in answers:
        with pytest.raises(Fault, match=r"engine\.killed"):
            list(answer)


def test_closing_ends_the_worker_and_its_children(engine: Engine) -> None:
    worker, child = of(engine.pid), of(engine.call("bear"))
    assert worker is not None
    assert child is not None
    answer = engine.stream("count", to=2, pause=30)
    next(answer)
    engine.close()
    engine.close()
    assert of(worker.pid) is None
    until(lambda: not alive(child))
    for late in (answer, engine.stream("echo")):
        with pytest.raises(Refusal, match=r"engine\.closed"):
            next(late)


def test_closing_leaves_no_descriptor_and_no_thread(log: Path) -> None:
    open_engine(log).close()
    descriptors, threads = psutil.Process().num_fds(), threading.active_count()
    for _ in range(5):
        open_engine(log).close()
    assert psutil.Process().num_fds() == descriptors
    assert threading.active_count() == threads


def test_a_worker_that_does_not_read_does_not_hang_a_caller_that_closes(log: Path) -> None:
    engine = open_engine(log)
    os.kill(engine.pid, signal.SIGSTOP)
    answers = [engine.stream("echo", text="x" * 1_000_000) for _ in range(3)]
    engine.close()
    for answer in answers:
        with pytest.raises(Refusal, match=r"engine\.closed"):
            list(answer)


@pytest.mark.parametrize(
    ("worker", "key", "facts"),
    [
        ("old", "engine.version", {"found": wire.VERSION + 1, "expected": wire.VERSION}),
        ("nameless", "engine.garbled", {}),
        ("mute", "engine.silent", {"seconds": 1}),
        ("broken", "engine.not_started", {"problem": "RuntimeError: a fake failure"}),
        ("killed", "engine.not_started", {"problem": "SIGKILL"}),
        ("vanishing", "engine.not_started", {"problem": "exit code 3"}),
    ],
)
def test_a_worker_that_does_not_greet_us_well_is_a_fault(
    log: Path, worker: str, key: str, facts: dict[str, object]
) -> None:
    with pytest.raises(Fault) as caught:
        open_engine(log, worker, patience=1 if worker == "mute" else 60)
    assert caught.value.key == key
    assert caught.value.facts.items() >= facts.items()


def test_an_engine_that_cannot_be_imported_could_not_start_and_says_what_is_missing(
    log: Path,
) -> None:
    log.write_text("MemoryError: of an earlier engine\n", encoding="utf-8")
    for entry, problem in (
        ("tests.jobs.fake_worker:nowhere", "has no attribute 'nowhere'"),
        ("tests.jobs.no_such_module:main", "No module named 'tests.jobs.no_such_module'"),
    ):
        with pytest.raises(Fault, match=r"engine\.not_started") as caught:
            Engine(entry, log=log, patience=60)
        assert problem in caught.value.facts["problem"]
        assert problem in words("en").explain(caught.value)


def test_a_worker_that_cannot_be_started_leaves_no_descriptor(tmp_path: Path) -> None:
    descriptors = psutil.Process().num_fds()
    with pytest.raises(FileNotFoundError):
        open_engine(tmp_path / "no folder" / "log")
    assert psutil.Process().num_fds() == descriptors


def test_an_engine_can_be_forked_from_the_zygote(zygote: Zygote, log: Path) -> None:
    engine = Engine("tests.jobs.fake_worker:main", log=log, launcher=zygote)
    worker = of(engine.pid)
    assert worker is not None
    assert engine.call("echo", a=1) == {"a": 1}
    engine.close()
    assert not alive(worker)


def test_a_forked_engine_that_dies_is_a_fault(zygote: Zygote, log: Path) -> None:
    with Engine("tests.jobs.fake_worker:main", log=log, launcher=zygote) as engine:
        with pytest.raises(Fault) as caught:
            engine.call("crash", code=7)
        assert caught.value.facts == {"problem": "last words", "log": str(log)}

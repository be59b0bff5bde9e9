import threading
from collections.abc import Iterator
from typing import Any

import pytest

from studio.core.errors import Refusal
from studio.workbench.models import Told
from studio.workbench.tasks import CANCELLING, Tasks

SECONDS = 20.0
Json = dict[str, Any]


class Work:
    """Something long, in the hands of a test: it stands still until it is let on."""

    def __init__(self) -> None:
        self.begun, self.let_on = threading.Event(), threading.Event()

    def __call__(self, told: Told) -> Json:
        told(progress(1))
        self.begun.set()
        assert self.let_on.wait(SECONDS)
        told(progress(2))
        return {"answer": 42}


def progress(done: int, step: str = "read") -> Json:
    return {"step": step, "done": done, "total": 4, "unit": "rows"}


def only(tasks: Tasks) -> Json:
    (task,) = tasks.list()
    return task


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    made = Tasks()
    yield made
    made.end()
    made.wait(SECONDS)
    assert all(task["status"] != "running" for task in made.list())


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.let_on.set()


def test_a_task_shows_how_far_it_is_and_then_its_result(tasks: Tasks, work: Work) -> None:
    id = tasks.start("import", "rows", work)
    assert work.begun.wait(SECONDS)
    running = only(tasks)
    assert (running["id"], running["kind"], running["subject"]) == (id, "import", "rows")
    assert running["status"] == "running"
    assert running | progress(1) == running
    work.let_on.set()
    tasks.wait(SECONDS)
    assert (only(tasks)["status"], only(tasks)["result"]) == ("done", {"answer": 42})
    assert only(tasks)["error"] is None


def test_what_runs_already_is_not_begun_twice(tasks: Tasks, work: Work) -> None:
    id = tasks.start("import", "rows", work)
    assert tasks.start("import", "rows", lambda _: None) == id
    assert tasks.start("import", "others", lambda _: None) != id
    assert len(tasks.list()) == 2


def test_an_ended_task_stays_until_the_next_of_its_kind(tasks: Tasks) -> None:
    first = tasks.start("import", "rows", lambda _: 1)
    tasks.wait(SECONDS)
    assert only(tasks)["id"] == first
    second = tasks.start("import", "rows", lambda _: 2)
    tasks.wait(SECONDS)
    assert (only(tasks)["id"], only(tasks)["result"]) == (second, 2)


def test_only_an_ended_task_can_be_dismissed(tasks: Tasks, work: Work) -> None:
    id = tasks.start("import", "rows", work)
    tasks.dismiss(id)
    assert only(tasks)["id"] == id
    work.let_on.set()
    tasks.wait(SECONDS)
    tasks.dismiss(id)
    tasks.dismiss(id)
    assert tasks.list() == []


def test_a_cancelled_task_ends_at_its_next_sign_of_progress(tasks: Tasks, work: Work) -> None:
    id = tasks.start("import", "rows", work)
    assert work.begun.wait(SECONDS)
    tasks.cancel(id)
    assert (only(tasks)["status"], only(tasks)["step"]) == ("running", CANCELLING)
    work.let_on.set()
    tasks.wait(SECONDS)
    ended = only(tasks)
    assert (ended["status"], ended["result"], ended["error"]) == ("cancelled", None, None)
    tasks.cancel(id)
    tasks.cancel("nothing")
    assert only(tasks) == ended


def test_no_one_on_the_way_can_keep_a_cancellation(tasks: Tasks, work: Work) -> None:
    def stubborn(told: Told) -> Json:
        try:
            return work(told)
        except Exception:
            return {}

    id = tasks.start("import", "rows", stubborn)
    assert work.begun.wait(SECONDS)
    tasks.cancel(id)
    work.let_on.set()
    tasks.wait(SECONDS)
    assert only(tasks)["status"] == "cancelled"


def test_what_an_unwanted_task_fails_by_is_no_failure(tasks: Tasks, work: Work) -> None:
    def killed(told: Told) -> None:
        told(progress(1))
        work.begun.set()
        assert work.let_on.wait(SECONDS)
        raise Refusal("engine.closed")

    id = tasks.start("model", "starter", killed)
    assert work.begun.wait(SECONDS)
    tasks.cancel(id)
    work.let_on.set()
    tasks.wait(SECONDS)
    assert (only(tasks)["status"], only(tasks)["error"]) == ("cancelled", None)


def test_a_failure_keeps_its_error(tasks: Tasks) -> None:
    def fail(_: Told) -> None:
        raise Refusal("disk.full", path="x", needed=2, free=1)

    tasks.start("import", "rows", fail)
    tasks.wait(SECONDS)
    assert only(tasks)["status"] == "failed"
    assert only(tasks)["error"] == Refusal("disk.full", path="x", needed=2, free=1).as_json()


def test_what_nobody_expected_is_our_fault(
    tasks: Tasks, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Zhang San, " + "13812345678"

    def work(_: Told) -> None:
        raise ValueError(text)

    tasks.start("import", "rows", work)
    tasks.wait(SECONDS)
    error = only(tasks)["error"]
    assert (error["kind"], error["key"]) == ("Fault", "tasks.broke")
    assert error["facts"] == {"cause": "ValueError"}
    log = capsys.readouterr().err
    assert "ValueError" in log
    assert "in work" in log
    assert text not in log


def test_each_step_has_a_speed_of_its_own() -> None:
    now = [0.0]
    tasks, told_once, go_on = Tasks(clock=lambda: now[0]), threading.Event(), threading.Event()

    def steps(told: Told) -> None:
        for second in range(3):
            now[0] = 2.0 * second
            told(progress(second))
        told_once.set()
        assert go_on.wait(SECONDS)
        told(progress(0, step="store"))
        told_once.set()
        go_on.clear()
        assert go_on.wait(SECONDS)

    tasks.start("import", "rows", steps)
    assert told_once.wait(SECONDS)
    assert (only(tasks)["per_second"], only(tasks)["seconds_left"]) == (0.5, 4.0)
    told_once.clear()
    go_on.set()
    assert told_once.wait(SECONDS)
    assert (only(tasks)["step"], only(tasks)["per_second"]) == ("store", None)
    go_on.set()
    while only(tasks)["status"] == "running":
        go_on.set()
    assert only(tasks)["per_second"] is None


def test_all_tasks_end_together(tasks: Tasks) -> None:
    works = [Work() for _ in range(3)]
    for number, work in enumerate(works):
        tasks.start("import", str(number), work)
        assert work.begun.wait(SECONDS)
    tasks.end()
    for work in works:
        work.let_on.set()
    tasks.wait(SECONDS)
    assert {task["status"] for task in tasks.list()} == {"cancelled"}


def test_waiting_has_an_end(tasks: Tasks, work: Work) -> None:
    tasks.start("import", "rows", work)
    tasks.wait(0.05)
    assert only(tasks)["status"] == "running"

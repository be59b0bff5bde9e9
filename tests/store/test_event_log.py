import errno
import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from studio.core.errors import Refusal
from studio.core.events import Ended, Resumed, Saved, Waiting
from studio.store.atomic import Disk
from studio.store.event_log import RESERVE, EventLog, EventReader, read_events
from tests.store.test_atomic import FailingDisk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def append(path: Path, *steps: int) -> None:
    with EventLog(path) as log:
        for step in steps:
            log.append(Saved(step))


def steps(path: Path) -> list[int]:
    return [event["step"] for event in read_events(path)]


def test_before_the_first_event_there_is_none(path: Path) -> None:
    assert list(read_events(path)) == []


def test_an_event_stands_in_the_file_as_it_is_returned(path: Path) -> None:
    with EventLog(path) as log:
        first = log.append(Waiting(3, {"kind": "Refusal", "key": "disk.full", "facts": {"名": 1}}))
        second = log.append(Saved(4), durable=True)
        assert log.attempt == 1
        assert list(read_events(path)) == [first, second]
    assert [first["seq"], second["seq"]] == [1, 2]
    assert second.items() >= {"event": "checkpoint", "step": 4, "attempt": 1}.items()
    assert datetime.fromisoformat(second["at"]).tzinfo is not None
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_next_attempt_goes_on_counting(path: Path) -> None:
    append(path, 1, 2)
    with EventLog(path) as log:
        assert log.attempt == 2
        assert log.append(Resumed(2))["seq"] == 3
    with EventLog(path) as log:
        assert log.attempt == 3
        assert log.append(Resumed(2)).items() >= {"seq": 4, "attempt": 3}.items()


def test_an_attempt_that_said_nothing_does_not_count(path: Path) -> None:
    append(path)
    with EventLog(path) as log:
        assert log.attempt == 1


def test_order_is_not_the_clock(path: Path) -> None:
    append(path, 1)
    later = json.loads(path.read_bytes()) | {"at": "2999-01-01T00:00:00+00:00"}
    path.write_text(json.dumps(later) + "\n", encoding="utf-8")
    append(path, 2)
    assert [event["seq"] for event in read_events(path)] == [1, 2]


def test_a_line_torn_at_any_byte_is_ignored_and_then_cut_off(path: Path) -> None:
    append(path, 1, 2)
    whole = path.read_bytes()
    last = whole.index(b"\n") + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert steps(path) == [1]
        append(path, 7)
        assert steps(path) == [1, 7]
        assert path.read_bytes().startswith(whole[:last])
        assert [event["seq"] for event in read_events(path)] == [1, 2]


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 4096, b"\xff\xfe\n", b"[]\n", b"1\n{}\n", b'{"event": 1}\n', b'{"event": "x"}\n'],
)
def test_a_tail_that_is_no_event_is_cut_off(tail: bytes, path: Path) -> None:
    append(path, 1)
    good = path.read_bytes()
    path.write_bytes(good + tail)
    assert steps(path) == [1]
    append(path)
    assert path.read_bytes() == good


def test_a_damaged_line_in_the_middle_costs_itself_only(path: Path) -> None:
    append(path, 1, 2, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"x" + lines[1] + lines[2])
    append(path, 4)
    assert steps(path) == [1, 3, 4]


def test_a_number_that_json_does_not_have_is_refused(path: Path) -> None:
    with EventLog(path) as log:
        with pytest.raises(ValueError, match="not JSON compliant"):
            log.append(Waiting(1, {"loss": float("nan")}))
        assert log.append(Saved(1))["seq"] == 1


def test_an_event_that_does_not_fit_on_the_disk_leaves_no_gap(path: Path) -> None:
    append(path, 1)
    log = EventLog(path, disk=FailingDisk("append"))
    with pytest.raises(Refusal, match=r"disk\.full"):
        log.append(Saved(2))
    log.close()
    append(path, 3)
    assert [(event["step"], event["seq"]) for event in read_events(path)] == [(1, 1), (3, 2)]


class SmallDisk(Disk):
    """A disk with room for so many bytes more."""

    def __init__(self, room: int) -> None:
        self.room = room

    def take(self, size: int) -> None:
        if size > self.room:
            raise OSError(errno.ENOSPC, "a fake")
        self.room -= size

    def write(self, path: Path, data: bytes) -> None:
        self.take(len(data))
        super().write(path, data)

    def append(self, descriptor: int, data: bytes) -> int:
        self.take(len(data))
        return super().append(descriptor, data)

    def remove(self, path: Path) -> None:
        self.room += path.stat().st_size if path.exists() else 0
        super().remove(path)


def test_on_a_full_disk_what_must_be_said_is_said_with_the_room_kept_for_it(path: Path) -> None:
    disk = SmallDisk(RESERVE + 50)
    log = EventLog(path, disk=disk)
    with pytest.raises(Refusal, match=r"disk\.full"):
        log.append(Saved(1))
    log.append(Waiting(1, {}), urgent=True)
    log.append(Ended("paused", 1), urgent=True)
    disk.room = 0
    with pytest.raises(Refusal, match=r"disk\.full"):
        log.append(Waiting(2, {}), urgent=True)
    disk.room = RESERVE + 200
    log.append(Saved(3))  # takes back the room as soon as there is some
    disk.room = 0
    log.append(Waiting(3, {}), urgent=True)
    assert [event["seq"] for event in read_events(path)] == [1, 2, 3, 4]
    assert [event["step"] for event in read_events(path)] == [1, 1, 3, 3]


def test_the_room_that_is_kept_is_found_again_and_survives_a_full_start(path: Path) -> None:
    append(path, 1)
    log = EventLog(path, disk=SmallDisk(0))
    log.append(Waiting(2, {}), urgent=True)
    log.close()
    log = EventLog(path, disk=SmallDisk(150))
    log.append(Saved(3))
    assert steps(path) == [1, 2, 3]


def test_what_was_appended_survives_a_kill(path: Path) -> None:
    child = os.fork()
    if not child:
        log = EventLog(path)
        log.append(Saved(1))
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert steps(path) == [1]


def test_a_reader_gets_each_event_once_as_it_comes(path: Path) -> None:
    reader = EventReader(path)
    assert list(reader.read()) == []
    with EventLog(path) as log:
        log.append(Saved(1))
        assert [event["step"] for event in reader.read()] == [1]
        log.append(Saved(2))
        log.append(Saved(3))
        assert [event["step"] for event in reader.read()] == [2, 3]
        assert list(reader.read()) == []


def test_a_reader_waits_for_the_end_of_a_line_and_survives_the_cut_of_a_torn_one(
    path: Path,
) -> None:
    append(path, 1)
    reader = EventReader(path)
    with open(path, "ab") as file:
        file.write(b'{"event": "checkpoint", "step": 2, "seq"')
    assert [event["step"] for event in reader.read()] == [1]
    append(path, 3)
    assert [(event["step"], event["attempt"]) for event in reader.read()] == [(3, 2)]

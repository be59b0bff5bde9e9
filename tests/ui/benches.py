"""A workbench without torch: the real store, and an engine that knows its answers by heart."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio.core.errors import UserMistake
from studio.core.rows import Body, NewRow, Split, Status
from studio.store.data_folder import DataFolder
from studio.workbench import Workbench
from studio.workbench.engine_room import EngineRoom
from tests.known_model import FACTS, MACHINE, SHEET

Json = dict[str, Any]
Reply = Callable[..., Any]
"""What an operation answers to its arguments; a StudioError that it raises is the answer too."""

STATUSES = (Status.READY, Status.READY, Status.DRAFT, Status.READY, Status.FLAGGED)
_STEPS = 4


class CannedAnswer(Iterator[Json]):
    """Events, then a result or an error; closing it ends it, as with a real one."""

    def __init__(self, events: list[Json], reply: Callable[[], Any], go_on: threading.Event):
        self.result: Any = None
        self._events, self._reply, self._go_on = iter(events), reply, go_on

    def __next__(self) -> Json:
        for event in self._events:
            self._go_on.wait(60)
            return event
        if self._reply is not _nothing:
            reply, self._reply = self._reply, _nothing
            self.result = reply()
        raise StopIteration

    def close(self) -> None:
        self._events, self._reply = iter(()), _nothing

    def __enter__(self) -> "CannedAnswer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class CannedEngine(EngineRoom):
    """Answers by heart; the device lease is real.

    ``replies`` may be changed by a test, and ``speeches``, which give a whole answer with its
    events; ``asked`` tells what was asked. While ``go_on`` is clear,
    long work stands still at its next sign of progress.
    """

    def __init__(self, data: DataFolder) -> None:
        super().__init__(data)
        self.asked: list[tuple[str, Json]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.speeches: dict[str, Reply] = {}
        self.replies: dict[str, Reply] = {
            "inspect_folder": lambda folder, **_: FACTS | {"folder": folder},
            "sheet": lambda **_: SHEET.as_json(),
            "machine_facts": lambda: MACHINE,
            "measure": _measure,
            "count": lambda texts, **_: [len(pieces_of(text)) for text in texts],
            "add_starter": _make_folder,
            "add_gguf": _make_folder,
            "add_hub": _make_folder,
        }

    def stream(self, op: str, /, **args: Any) -> Any:
        self.asked.append((op, args))
        if op in self.speeches:
            return self.speeches[op](**args)
        if op == "tokens" and op not in self.replies:
            return CannedAnswer(list(map(_tokens, args["rows"])), _nothing, self.go_on)
        reply = self.replies[op]
        events = _progress() if op.startswith("add_") else []
        return CannedAnswer(events, lambda: reply(**args), self.go_on)

    def call(self, op: str, /, **args: Any) -> Any:
        with self.stream(op, **args) as answer:
            list(answer)
            return answer.result

    @contextmanager
    def apart(self) -> Iterator[EngineRoom]:
        yield self

    def close(self) -> None:
        self.go_on.set()


def bench_without_torch(folder: Path) -> Workbench:
    """A workbench over the data folder ``folder``; its engine is a :class:`CannedEngine`."""
    data = DataFolder.open(folder)
    return Workbench(data, engine=CannedEngine(data))


def add_model(bench: Workbench, name: str = "tiny") -> str:
    """Make a model of this name known, and put it on the desk; returns its id."""
    folder = bench.data.root.parent / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    id = str(bench.models.add(str(folder))["id"])
    bench.desk.choose(model=id)
    return id


def add_rows(bench: Workbench, name: str = "Questions", rows: list[NewRow] | None = None) -> str:
    """A dataset with ``rows`` (else :func:`sample_rows`), put on the desk; returns its id."""
    home = bench.rows.datasets.create(name)
    bench.rows.rows.add(home.id, sample_rows() if rows is None else rows, key=f"rows of {name}")
    bench.desk.choose(dataset=home.id)
    return home.id


def sample_rows(count: int = 60) -> list[NewRow]:
    """English and Chinese rows in turn: every status and split, some tags and notes, one long
    conversation, one system message."""
    return [_sample(number) for number in range(count)]


def pieces_of(text: str) -> list[str]:
    """Word pieces as this engine has them: words with the space before them, Chinese by sign."""
    pieces: list[str] = []
    for sign in text:
        starts = not pieces or sign.isspace() or ord(sign) > 0x2E80
        pieces[len(pieces) :] = [sign] if starts else [pieces.pop() + sign]
    return pieces


def _sample(number: int) -> NewRow:
    if number % 2:
        body = Body.pair(f"孩子发烧{number}度怎么办？", f"先量体温，多喝水，观察{number}小时。")
    else:
        body = Body.pair(
            f"What should I know about fever number {number}?",
            f"Rest, drink, and measure again after {number} hours.",
            system="You are a careful doctor." if number == 4 else "",
        )
    if number == 6:
        body = Body((*body.messages, *Body.pair("And then?", "Then call us.").messages))
    return NewRow(
        body,
        STATUSES[number % 5],
        split=_split(number),
        notes="Ask a colleague." if number % 5 == 4 else "",
        tags=("fever", "儿科") if number % 3 == 0 else (),
        source="questions.csv",
    )


def _split(number: int) -> Split:
    if number in (10, 11):
        return Split.EXAM
    return Split.CHECK if number % 10 == 9 else Split.TRAIN


def _tokens(row: Json) -> Json:
    """The event of one row: questions context, answers trained, with a stop after each answer."""
    shown = []
    for message in row["body"].get("messages", []):
        is_answer = message["role"] == "assistant" and message["content"].strip()
        role = "trained" if is_answer else "context"
        shown.append({"text": f"<|{message['role']}|>", "role": "context"})
        shown += [{"text": piece, "role": role} for piece in pieces_of(message["content"])]
        shown.append({"text": "<|end|>", "role": role})
    trained = sum(piece["role"] == "trained" for piece in shown)
    if not trained:
        reason = {"reason": UserMistake("tokens.no_answer").as_json()}
        nothing = {"row": row["row"], "tokens": [], "trained": 0, "stop_trained": False}
        return nothing | reason
    return {"row": row["row"], "tokens": shown, "trained": trained, "stop_trained": True}


def _measure(rows: list[Json], **_: Any) -> Json:
    """What the engine says of the lengths of rows: none is too long."""
    return {"tokens": {row["row"]: 20 for row in rows}, "cut": [], "left_out": {}}


def _progress() -> list[Json]:
    return [
        {"progress": {"step": "download", "done": done, "total": _STEPS, "unit": "bytes"}}
        for done in range(_STEPS + 1)
    ]


def _make_folder(target: str, **_: Any) -> None:
    """What a download leaves."""
    Path(target).mkdir(exist_ok=True)
    (Path(target) / "config.json").write_text("{}", encoding="utf-8")


def _nothing() -> None:
    """No result."""

"""The worker's side of the wire, in this process: two pipes and a thread."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core import wire
from studio.core.rows import Body, Message
from studio.engine import worker
from tests.engine import tiny_gguf, tiny_models
from tests.engine.fake_hub import serving
from tests.tiny_studio import Trained

SAMPLING = {"max_new_tokens": 200, "temperature": 0.0, "seed": 0}


class Line:
    """A caller at the other end."""

    def __init__(self) -> None:
        theirs, self._requests = os.pipe()
        answers, also_theirs = os.pipe()
        self._answers = os.fdopen(answers, "rb")
        self.codes: list[int] = []
        self.thread = threading.Thread(
            target=lambda: self.codes.append(worker.main(theirs, also_theirs)), daemon=True
        )
        self.thread.start()
        assert self.hear() == {"hello": wire.VERSION}

    def ask(self, number: int, op: str, **args: Any) -> None:
        os.write(self._requests, wire.line({"id": number, "op": op, "args": args}))

    def hear(self) -> dict[str, Any]:
        return wire.message(self._answers.readline())

    def result(self, op: str, **args: Any) -> Any:
        """Ask, and pass over the events."""
        self.ask(99, op, **args)
        while "event" in (said := self.hear()):
            pass
        return said["result"]

    def hang_up(self) -> None:
        """Ask no more."""
        if self._requests >= 0:
            os.close(self._requests)
            self._requests = -1

    def turn_away(self) -> None:
        """Listen no more."""
        self._answers.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.hang_up()
    line.turn_away()
    line.thread.join(10)


def test_requests_are_answered_in_their_order_until_the_line_is_closed(
    line: Line, tmp_path: Path
) -> None:
    place = str(tmp_path)
    line.ask(1, "machine_facts")
    line.ask(2, "sheet", folder=place, cache=place)
    line.ask(3, "dance")
    line.ask(4, "machine_facts", too="much")
    said = [line.hear() for _ in range(4)]
    assert [message["id"] for message in said] == [1, 2, 3, 4]
    assert said[0]["result"]["threads"] >= 1
    keys = [message["error"]["key"] for message in said[1:]]
    assert keys == ["models.no_config", "engine.unknown_operation", "engine.broke"]
    line.hang_up()
    line.thread.join(10)
    assert line.codes == [0]


def test_a_cancelled_answer_ends_before_its_time(line: Line, trained: Trained) -> None:
    run = str(trained.studio.folder / "runs" / trained.run)
    question = {"run": run, "prompt": "Why?", "system": "", "sampling": SAMPLING}
    line.ask(7, "compare", **question)
    while "text" not in line.hear()["event"]:
        pass  # the model is being loaded
    line.ask(8, "cancel", id=7)
    while "event" in (last := line.hear()):
        pass
    assert last == {"id": 7, "result": None}
    line.ask(9, "machine_facts")
    assert line.hear()["id"] == 9


def test_a_worker_that_nobody_listens_to_ends(line: Line) -> None:
    line.turn_away()
    line.ask(1, "machine_facts")
    line.thread.join(10)
    assert line.codes == [0]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory: 9 bytes")])
def test_memory_that_does_not_suffice_is_a_refusal(error: Exception) -> None:
    assert worker._in_words(error).key == "engine.no_memory"


def test_models_are_brought_in_and_looked_at(
    line: Line, llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tiny_gguf.write(tmp_path / "tiny.gguf")
    places = {name: str(tmp_path / name) for name in ("hub", "gguf", "hashes.json", "sheets")}
    with serving("someone/tiny", llama) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        for _ in range(2):  # what is there is not fetched again
            assert line.result("add_hub", hub_id="someone/tiny", target=places["hub"]) is None
    assert line.result("add_gguf", file=str(packed), target=places["gguf"]) is None
    kept = {"hashes": places["hashes.json"], "sheets": places["sheets"]}
    found = [line.result("inspect_folder", folder=places[name], **kept) for name in ("hub", "gguf")]
    assert [facts["architecture"] for facts in found] == ["LlamaForCausalLM"] * 2
    assert [facts["identity"]["kind"] for facts in found] == ["hub", "folder"]
    sheet = line.result("sheet", folder=places["hub"], cache=places["sheets"])
    assert sheet["context"] == tiny_models.CONTEXT


def test_rows_are_shown_as_a_usual_run_would_cut_them(
    line: Line, llama: Path, tmp_path: Path
) -> None:
    bodies = [Body.pair("Why?", "word " * 400), Body((Message("user", "Alone?"),))]
    rows = [{"row": str(n), "body": body.as_json()} for n, body in enumerate(bodies)]
    line.ask(1, "tokens", folder=str(llama), cache=str(tmp_path), rows=rows)
    long, alone = line.hear()["event"], line.hear()["event"]
    kept = [piece for piece in long["tokens"] if piece["role"] != "cut"]
    assert long["row"] == "0"
    assert 0 < long["trained"] < len(kept) <= tiny_models.CONTEXT < len(long["tokens"])
    assert long["stop_trained"] is False
    assert (alone["row"], alone["reason"]["key"]) == ("1", "rows.no_answer")


def test_a_result_is_exported_and_compared(line: Line, trained: Trained, tmp_path: Path) -> None:
    run = str(trained.studio.folder / "runs" / trained.run)
    target = str(tmp_path / "out")
    done = line.result("export", run=run, form="adapter", target=target)
    assert done == {"folder": target, "form": "adapter"}
    short = SAMPLING | {"max_new_tokens": 3}
    asked = {"run": run, "prompt": "Why?", "system": "Be brief.", "sampling": short}
    assert line.result("compare", **asked)["base_proved"] is True
    line.ask(5, "compare", **asked | {"prompt": "word " * 400})
    assert line.hear()["error"]["key"] == "compare.long_prompt"

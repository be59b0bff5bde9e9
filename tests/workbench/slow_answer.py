"""An answer of the engine that says one thing at a time, whenever a test lets it."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]


class SlowAnswer:
    """Its ``events``, then its ``result`` or the error that it is; closing ends it at once."""

    def __init__(self, events: Sequence[Json], result: Any) -> None:
        self._events, self._end = iter(events), result
        self._step = threading.Semaphore(0)
        self.result: Any = None
        self.is_closed = False

    def __iter__(self) -> Iterator[Json]:
        return self

    def __next__(self) -> Json:
        self._step.acquire()
        event = None if self.is_closed else next(self._events, None)
        if event is not None:
            return event
        if isinstance(self._end, Exception):
            raise self._end
        self.result = None if self.is_closed else self._end
        raise StopIteration

    def go_on(self, steps: int = 1) -> None:
        """Let it say so many things; the end is one too."""
        for _ in range(steps):
            self._step.release()

    def fail(self, error: Exception) -> None:
        """Say no more; raise ``error``."""
        self._events, self._end = iter(()), error
        self.go_on()

    def close(self) -> None:
        self.is_closed = True
        self._step.release()

    def __enter__(self) -> "SlowAnswer":
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True


def piece(lane: str, text: str, tokens: int) -> Json:
    """What the engine says of one word piece."""
    return {"lane": lane, "text": text, "tokens": tokens, "seconds": tokens / 10}

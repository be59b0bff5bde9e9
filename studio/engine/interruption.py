"""Where long computing can be left: whoever asks for a pause is heard at every layer.

One pass over a big batch takes minutes; hooks around each layer, forward and backward, let it end
within the time of one layer. They change no number. Knows no run and no loop.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from torch import Tensor, nn

from studio.store.run_folder import Request

RHYTHM = 0.2
"""Seconds between two times that a model in the middle of its work asks."""


class Interrupted(Exception):
    """Somebody asked for a pause or a stop; the unfinished update is dropped."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.status = "paused" if request == "pause" else "stopped"


@contextmanager
def heeding(model: nn.Module, heed: Callable[[], None]) -> Iterator[None]:
    """Inside the block, ``model`` calls ``heed`` while it works; what that raises ends the work."""
    listen = _Seldom(heed)

    def before(*_: object) -> None:
        listen()

    def after(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            output.register_hook(before)

    layers = [module for module in model.modules() if any(True for _ in module.parameters(False))]
    handles = [layer.register_forward_pre_hook(before) for layer in layers]
    handles += [layer.register_forward_hook(after) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Seldom:
    """Calls ``act`` once in :data:`RHYTHM` at most: some layers take microseconds."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act, self._next = act, monotonic() + RHYTHM

    def __call__(self) -> None:
        if monotonic() >= self._next:
            self._act()
            self._next = monotonic() + RHYTHM

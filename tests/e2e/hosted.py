"""The guarded page over a workbench without torch, served by a thread of the tests: soon there."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from studio.web.address import listen
from studio.web.entrance import Entrance
from studio.web.guard import Guard
from studio.web.keys import Keys
from studio.workbench import Workbench
from tests.e2e.steps import PATIENCE
from tests.ui.benches import bench_without_torch

SERVER, TOKEN = "the one of the tests", "f" * 64


@dataclass(frozen=True)
class Hosted:
    """A served page: ``bench`` is what it shows, ``way_in`` lets a browser in, once."""

    bench: Workbench
    origin: str
    way_in: str


@contextmanager
def host(folder: Path, language: str = "en", *, demo: Any = None) -> Iterator[Hosted]:
    """Serve the page over the data folder ``folder``, to newcomers in ``language``.

    ``demo`` takes the place of the bench's own.
    """
    listening, address = listen("127.0.0.1", 0)
    with listening, pytest.MonkeyPatch.context() as patch, bench_without_torch(folder) as bench:
        bench.demo = demo or bench.demo
        bench.data.uploads.mkdir(exist_ok=True)
        patch.setenv("GRADIO_TEMP_DIR", str(bench.data.uploads))
        keys = Keys(TOKEN)
        entrance = Entrance(keys, address, SERVER)
        with _Serving(bench, entrance, language, listening):
            way_in = f"{address.url}{Entrance.ENTER}?code={keys.make_code(SERVER)}"
            yield Hosted(bench, address.url, way_in)


class _Serving(threading.Thread):
    """Builds the site and answers for it, in one loop: Gradio would else make loops of its own."""

    def __init__(
        self, bench: Workbench, entrance: Entrance, language: str, listening: socket.socket
    ) -> None:
        super().__init__(name="page", daemon=True)
        self._given = bench, entrance, language
        self._listening = listening
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        asyncio.run(self._serve())

    def __enter__(self) -> None:
        self.start()
        deadline = time.monotonic() + PATIENCE
        while self._server is None or not self._server.started:
            assert self.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self.join(PATIENCE)

    async def _serve(self) -> None:
        from studio.web import site  # late, since it brings Gradio, which looks at what is set

        bench, entrance, language = self._given
        guarded = Guard(site.build(bench, entrance, language), entrance)
        self._server = uvicorn.Server(
            uvicorn.Config(
                guarded, access_log=False, log_config=None, ws="none", timeout_graceful_shutdown=0
            )
        )
        await self._server.serve(sockets=[self._listening])

"""The HTTP server: answers on a socket that listens already, until Ctrl-C."""

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

_PATIENCE = 0
"""Seconds for answers that are under way when the server ends: an open page has a stream that never
ends by itself, and what is being saved in a thread ends before the process does, however we ask."""


def answer(site: ASGIApp, listening: socket.socket, opened: Callable[[], None]) -> None:
    """Serve ``site``; ``opened`` is called when the first request can be answered.

    Addresses are not logged: they may hold what opens the studio. Raises KeyboardInterrupt when
    interrupted.
    """
    config = uvicorn.Config(
        site,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_graceful_shutdown=_PATIENCE,
    )
    _Server(config, opened).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, opened: Callable[[], None]) -> None:
        super().__init__(config)
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await asyncio.to_thread(self._opened)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # That pages were still open when the person ended the server is no error to read about.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)

"""A guarded site over a workbench without torch, and requests as any program can make them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient

from studio.web.address import Address
from studio.web.entrance import Entrance
from studio.web.guard import Guard
from studio.web.keys import Keys
from studio.workbench import Workbench
from tests.ui.benches import bench_without_torch

PORT = 7860
HOST = f"127.0.0.1:{PORT}"
SERVER = "the only one"
TOKEN = "f" * 64

Message = dict[str, Any]


@dataclass(frozen=True)
class House:
    """A site behind its guard; ``cookie`` is what opens it."""

    bench: Workbench
    site: Starlette
    guard: Guard
    keys: Keys

    @property
    def cookie(self) -> str:
        return f"studio_{PORT}={self.keys.cookie}"

    def ask(
        self, method: str, path: str, body: bytes = b"", /, **headers: str | None
    ) -> httpx.Response:
        """One request from this machine; a header of None is not sent."""
        client = TestClient(self.guard, base_url=f"http://{HOST}", follow_redirects=False)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"host": HOST, **named}
        given = {name: value for name, value in sent.items() if value is not None}
        return client.request(method, path, content=body, headers=given)

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of every route there is, those of Gradio too."""
        return sorted(set(_routes(self.site.routes)))


@contextmanager
def house(folder: Path, *, password: str = "", language: str | None = None) -> Iterator[House]:
    """A house over the data folder ``folder``."""
    with bench_without_torch(folder) as bench:
        keys = Keys(TOKEN, password)
        entrance = Entrance(keys, Address("127.0.0.1", PORT), SERVER)
        site = asyncio.run(_built(bench, entrance, language))
        yield House(bench, site, Guard(site, entrance), keys)


async def _built(bench: Workbench, entrance: Entrance, language: str | None) -> Starlette:
    """The site, built where a loop runs: Gradio would else make loops and never close them."""
    from studio.web import site

    return site.build(bench, entrance, language)


def _routes(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        path = prefix + getattr(route, "path", "")
        taken_in = getattr(route, "original_router", None)  # by FastAPI
        if taken_in is not None:
            yield from _routes(taken_in.routes, prefix)
        elif isinstance(route, Mount):
            switch = getattr(route.app, "pages", None)
            pages = switch.pages.values() if switch else ()
            inner = [one for page in pages for one in page.page.routes] or route.routes
            yield from _routes(list(inner), path)
            yield "GET", f"{path}/studio.css"
        else:
            filled = path.replace(":path", "").replace("{", "").replace("}", "") or "/"
            yield from ((method, filled) for method in getattr(route, "methods", None) or ["GET"])


@dataclass
class Heard:
    """What an application said to one request that is made of raw messages."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])


def ask_raw(
    application: Any,
    headers: list[tuple[str, str]],
    *,
    scope_type: str = "http",
    path: str = "/",
    bodies: tuple[Message, ...] = ({"type": "http.request", "body": b""},),
) -> Heard:
    """A request with headers no well-behaved client sends."""
    heard, waiting = Heard(), list(bodies)
    scope = {
        "type": scope_type,
        "method": "POST" if len(bodies) > 1 else "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        heard.messages.append(message)

    asyncio.run(application(scope, receive, send))
    return heard

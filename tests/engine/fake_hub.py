"""A model hub on the loopback interface that can be slow-witted, dishonest or cut off.

Files above ``LARGE`` bytes are served by a second server, as from a content network: the first
answers with a redirect to another origin.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 10_000


@dataclass
class Hub:
    """What the hub has, how it misbehaves, and what it was asked."""

    repository: str
    files: dict[str, bytes]
    commit: str = COMMIT
    endpoint: str = ""
    network: str = ""
    status: int = 200
    listing: bytes | None = None
    told: dict[str, Any] = field(default_factory=dict)
    """What the listing says beside the files."""

    cuts: dict[str, list[int]] = field(default_factory=dict)
    """For each answer to come, how many of its bytes are sent before the line drops."""
    forged: dict[str, bytes] = field(default_factory=dict)
    claimed: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """Path, Range and Authorization of every request, in order."""

    def asked_for(self, name: str) -> list[str | None]:
        """The ranges of the requests that were answered with bytes of ``name``."""
        served = [(path, span) for path, span, _ in self.asked if path.endswith(f"/{name}")]
        large = len(self.files[name]) > LARGE
        return [span for path, span in served if path.startswith("/network/") == large]

    def describe(self) -> bytes:
        """The answer of ``/api/models``."""
        if self.listing is not None:
            return self.listing
        siblings = [self._sibling(name, content) for name, content in self.files.items()]
        return json.dumps({"sha": self.commit, "siblings": siblings} | self.told).encode()

    def _sibling(self, name: str, content: bytes) -> dict[str, Any]:
        size = self.claimed.get(name, len(content))
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        item: dict[str, Any] = {"rfilename": name, "size": size, "blobId": blob}
        if len(content) > LARGE:
            item["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": size}
        return item


@contextmanager
def serving(repository: str, folder: Path) -> Iterator[Hub]:
    """A hub that has the files of ``folder`` under ``repository``."""
    hub = Hub(repository, {path.name: path.read_bytes() for path in folder.iterdir()})
    with ExitStack() as stack:
        hub.endpoint = stack.enter_context(_server(hub))
        hub.network = stack.enter_context(_server(hub))
        yield hub


@contextmanager
def _server(hub: Hub) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(hub, self)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    path = request.path.partition("?")[0]
    hub.asked.append((path, request.headers["Range"], request.headers["Authorization"]))
    if hub.status != 200:
        return _send(request, hub.status, b"no")
    if path == f"/api/models/{hub.repository}/revision/main":
        return _send(request, 200, hub.describe())
    name = path.rpartition("/")[2]
    known = path in (f"/{hub.repository}/resolve/{hub.commit}/{name}", f"/network/{name}")
    if not known or name not in hub.files:
        return _send(request, 404, b"no such file")
    if len(hub.files[name]) > LARGE and not path.startswith("/network/"):
        return _send(request, 302, b"", Location=f"{hub.network}/network/{name}")
    return _send_file(hub, request, name)


def _send_file(hub: Hub, request: BaseHTTPRequestHandler, name: str) -> None:
    content = hub.forged.get(name, hub.files[name])
    span, status = request.headers["Range"], 200
    if span and hub.ranges:
        content, status = content[int(span.removeprefix("bytes=").rstrip("-")) :], 206
    cuts = hub.cuts.get(name)
    _send(request, status, content, sent=cuts.pop(0) if cuts else len(content))


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    content: bytes,
    *,
    sent: int | None = None,
    **headers: str,
) -> None:
    request.send_response(status)
    for key, value in headers.items():
        request.send_header(key, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content[:sent])
    request.close_connection = True

"""One file over HTTP: resumed where it broke off, and accepted only with the promised bytes.

The part that has arrived stays beside the file as ``NAME.part`` until it is whole, so a later
process can go on with it. Knows the Hub's two kinds of hashes and nothing else of it.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx2

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.engine.progress import Cancel

_CHUNK = 1 << 20
# Seconds before each new try; tries that brought bytes do not count.
_PAUSES = (1.0, 2.0, 4.0, 8.0)


class Digest(Protocol):
    """What :mod:`hashlib` makes."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Remote:
    """A file on the Hub: bytes, and the SHA-256 of a large or the git blob id of a small one."""

    name: str
    url: str
    size: int
    sha256: str | None
    blob: str

    def digest(self) -> Digest:
        """A fresh digest; :attr:`expected` is what it has to end with."""
        if self.sha256:
            return hashlib.sha256()
        return hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)

    @property
    def expected(self) -> str:
        """The digest of the right bytes, in hexadecimal."""
        return self.sha256 or self.blob


@dataclass(frozen=True, slots=True)
class Transfer:
    """How files are fetched: over ``client``, counting into ``arrived``, until ``cancel`` says so.

    ``arrived`` is called with the bytes of each piece, negative where a piece has to come again.
    """

    client: httpx2.Client
    arrived: Callable[[int], None]
    cancel: Cancel
    wait: Callable[[float], None] = field(default=time.sleep)

    def fetch(self, remote: Remote, folder: Path) -> Path:
        """``folder/name`` with exactly the bytes that ``remote`` promises.

        Raises Refusal when cancelled, when the bytes are wrong, and when the transfer keeps
        breaking off.
        """
        final = folder / remote.name
        if final.exists():
            self.arrived(remote.size)
            return final
        part = folder / f"{remote.name}.part"
        part.touch(mode=0o600)
        self.arrived(part.stat().st_size)
        self._complete(remote, part)
        self._verify(remote, part)
        os.replace(part, final)
        return final

    def _complete(self, remote: Remote, part: Path) -> None:
        failures = 0
        while (before := part.stat().st_size) < remote.size:
            try:
                self._receive(remote, part, before)
            except httpx2.TransportError as error:
                failures = 0 if part.stat().st_size > before else failures + 1
                if failures == len(_PAUSES):
                    raise Refusal("models.hub_broken", file=remote.name) from error
                self.wait(_PAUSES[failures])

    def _receive(self, remote: Remote, part: Path, start: int) -> None:
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self.client.stream("GET", remote.url, headers=headers) as response:
            refuse_status(response, remote.name)
            if start and response.status_code != httpx2.codes.PARTIAL_CONTENT:
                self.arrived(-start)
                start = 0
            with part.open("r+b") as file:
                file.truncate(start)
                file.seek(start)
                for chunk in response.iter_raw():  # as it comes, so that a break loses nothing
                    if self.cancel():
                        raise Refusal("models.cancelled")
                    file.write(chunk)
                    self.arrived(len(chunk))
                    if file.tell() > remote.size:
                        break
        if part.stat().st_size < remote.size:
            raise httpx2.ReadError("ended early")

    def _verify(self, remote: Remote, part: Path) -> None:
        digest = remote.digest()
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        if part.stat().st_size != remote.size or digest.hexdigest() != remote.expected:
            part.unlink()
            raise Refusal("models.hub_wrong_bytes", file=remote.name)


def refuse_status(response: httpx2.Response, what: str) -> None:
    """Raise what an HTTP status other than success means to a person."""
    status = response.status_code
    if response.is_success:
        return
    problem: StudioError = Refusal("models.hub_failed", status=status, what=what)
    if status in (httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN):
        problem = Refusal("models.hub_locked", what=what)
    elif status == httpx2.codes.NOT_FOUND:
        problem = UserMistake("models.hub_missing", what=what)
    elif status == httpx2.codes.TOO_MANY_REQUESTS:
        problem = Refusal("models.hub_busy", what=what)
    raise problem

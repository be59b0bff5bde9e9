"""Where the server listens, and under which names a browser may call it.

A page of another site can lead any name to this machine (DNS rebinding), so that a browser takes
the server for that site's own: only names that nobody else can give out are answered.
"""

import ipaddress
import socket
import sys
from dataclasses import dataclass

from studio.core.errors import Refusal

USUAL_PORT = 7860
_TRIES = 20
_LOCAL = "localhost"


@dataclass(frozen=True, slots=True)
class Address:
    """A host, as people write it (an IP or a name), and a port."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return self.host == _LOCAL or (_is_ip(self.host) and _ip(self.host).is_loopback)

    @property
    def url(self) -> str:
        """What a browser on this machine opens; without a slash at the end."""
        wildcards = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return f"http://{self._netloc(wildcards.get(self.host, self.host))}"

    def admits(self, netloc: str) -> bool:
        """Whether ``netloc``, a request's Host as it was sent, is one of this server's own.

        A server on every interface cannot know its names; an IP is safe, since no site owns it.
        """
        if netloc in {self._netloc(name) for name in self._names()}:
            return True
        host = netloc.removesuffix(f":{self.port}").strip("[]")
        return self._is_everywhere and _is_ip(host) and netloc == self._netloc(host)

    @property
    def _is_everywhere(self) -> bool:
        return _is_ip(self.host) and _ip(self.host).is_unspecified

    def _names(self) -> set[str]:
        if self._is_everywhere:
            own = socket.gethostname().lower()
            return {_LOCAL, own, f"{own}.local"}
        return {self.host, _LOCAL} if self.is_loopback else {self.host}

    def _netloc(self, host: str) -> str:
        bracketed = f"[{host}]" if ":" in host else host
        return bracketed if self.port == 80 else f"{bracketed}:{self.port}"


def listen(host: str, port: int | None) -> tuple[socket.socket, Address]:
    """A socket that listens on ``host``; without a ``port``, on the usual one or one near it.

    Raises Refusal ``web.port_taken`` for a port that was asked for, and ``web.no_such_host``.
    """
    near = range(USUAL_PORT, USUAL_PORT + _TRIES)
    for candidate in [port] if port is not None else [*near, 0]:
        try:
            listening = _bind(host, candidate)
        except socket.gaierror as error:
            raise Refusal("web.no_such_host", host=host) from error
        except OSError as error:
            if port is not None or candidate == 0:
                raise Refusal("web.port_taken", host=host, port=candidate) from error
        else:
            return listening, Address(host, listening.getsockname()[1])
    raise AssertionError("the last candidate either listens or raises")


def _bind(host: str, port: int) -> socket.socket:
    family, kind, _, _, place = socket.getaddrinfo(
        "127.0.0.1" if host == _LOCAL else host, port, type=socket.SOCK_STREAM
    )[0]
    listening = socket.socket(family, kind)
    try:
        if sys.platform == "win32":  # where reusing an address would let others take ours over
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def _is_ip(host: str) -> bool:
    try:
        _ip(host)
    except ValueError:
        return False
    return True


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(host)

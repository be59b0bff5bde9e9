"""What opens the studio: the token that a browser keeps, codes that work once, and a password.

The token lies in a file that only its owner may read, and is kept, so that a browser that was let
in stays in. Whoever can read the file can make a code, which is how a second start opens the page
of the first; a code is of use to one server only, and there only once. Nothing here is logged.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from studio.store.atomic import write_text

_BYTES = 32
_PATIENT_FROM, _DOUBLINGS = 3, 6
"""After so many wrong passwords everyone waits a second, and twice as long after each further one,
up to a minute."""


class Keys:
    """The keys of one server; threads may share them."""

    def __init__(self, token: str, password: str = "") -> None:
        """Without a ``password`` nobody can log in; a new one shuts out whoever used the old."""
        self._token, self._password = token, password
        self._used: set[str] = set()
        self._turn = threading.Lock()

    @property
    def cookie(self) -> str:
        """What a browser shows at each request."""
        return self._seal("cookie", self._password) if self._password else self._token

    def fits(self, shown: str) -> bool:
        """Whether ``shown`` is what we gave to a browser."""
        return _same(shown, self.cookie)

    def make_code(self, server: str) -> str:
        """A code that opens ``server`` (a name no other server ever has) once."""
        nonce = secrets.token_urlsafe(16)
        return f"{nonce}.{self._seal(server, nonce)}"

    def use_code(self, code: str, server: str) -> bool:
        """Whether ``code`` opens ``server``; from now on it does not any more."""
        nonce, _, seal = code.partition(".")
        if not _same(seal, self._seal(server, nonce)):
            return False
        with self._turn:
            is_fresh = nonce not in self._used
            self._used.add(nonce)
        return is_fresh

    def is_password(self, typed: str) -> bool:
        """Whether ``typed`` is the password; never where there is none."""
        return bool(self._password) and _same(typed, self._password)

    @property
    def asks_password(self) -> bool:
        """Whether there is a password by which people come in."""
        return bool(self._password)

    def _seal(self, *parts: str) -> str:
        return hmac.new(self._token.encode(), "\0".join(parts).encode(), sha256).hexdigest()


class Patience:
    """How long nobody may try a password, after several wrong ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong, self._until = 0, 0.0

    @property
    def wait(self) -> float:
        """Seconds until the next try."""
        return max(0.0, self._until - self._clock())

    def tell(self, *, right: bool) -> None:
        """Count a try."""
        self._wrong = 0 if right else self._wrong + 1
        if self._wrong >= _PATIENT_FROM:
            doubled = 2.0 ** min(self._wrong - _PATIENT_FROM, _DOUBLINGS)
            self._until = self._clock() + doubled


def kept_token(file: Path) -> str:
    """The token in ``file``, made at the first call."""
    try:
        token = file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        token = ""
    if len(token) < _BYTES:
        token = secrets.token_urlsafe(_BYTES)
        write_text(file, token + "\n")
    return token


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))

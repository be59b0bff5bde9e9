"""What lies in the data folder about its one web server: the token, and who serves where.

The token is secret, and its file only its owner's; the lock says where the server is, and nothing
secret. Together they let any process of the owner open the page.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.store.data_folder import DataFolder
from studio.store.locks import Held, Lock, owner
from studio.web.entrance import Entrance
from studio.web.keys import Keys, kept_token

_STARTING = "page"


@dataclass(frozen=True, slots=True)
class Premises:
    """The web server's traces in a data folder."""

    data: DataFolder

    @property
    def token_file(self) -> Path:
        """The token; a script of the owner's may send it as the cookie ``studio_<port>``."""
        return self.data.root / "web-token"

    @property
    def token(self) -> str:
        """The token, the same for every server over this folder."""
        return kept_token(self.token_file)

    @property
    def server(self) -> str:
        """A name for the process that serves now, as no other ever has."""
        facts = self._owner()
        return f"{facts.get('pid')} {facts.get('started')} {facts.get('boot')}"

    @property
    def url(self) -> str | None:
        """Where the page is served now; None while nobody serves it, or only just begins to."""
        purpose = str(self._owner().get("purpose", ""))
        return purpose if purpose.startswith("http") else None

    @property
    def one_time_address(self) -> str:
        """What opens the page that is served now once, in any browser."""
        code = Keys(self.token).make_code(self.server)
        return f"{self.url}{Entrance.ENTER}?code={code}"

    def occupy(self) -> Held:
        """Become the one who serves; its url is to be signed. Raises Refusal ``lease.busy``."""
        return self._lock.acquire(_STARTING)

    @property
    def _lock(self) -> Lock:
        return Lock(self.data.locks / "server.lock")

    def _owner(self) -> dict[str, Any]:
        return owner(self._lock.path) or {}

"""`studio ui`: one server for a data folder, the helper of its trainers beside it, and a browser.

A second start on the same folder opens the browser on the first one. Gradio is imported late: it
reads its environment when it is imported, and a second start has no use for it.
"""

import os
import socket
from collections.abc import Callable, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from studio.core.errors import Refusal
from studio.jobs import zygote
from studio.store.atomic import discard, ensure_folder
from studio.store.data_folder import DataFolder
from studio.web import browser
from studio.web.address import USUAL_PORT, Address, listen
from studio.web.entrance import Entrance
from studio.web.guard import Guard
from studio.web.keys import Keys
from studio.web.premises import Premises
from studio.workbench import Workbench

Opened = Callable[[str, str], None]
"""Hears how the page was opened, and at which address: ``open``, ``open_elsewhere`` (the usual port
was taken) or ``open_already``."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Wish:
    """How the page should be served; without a ``language``, in that of each browser."""

    host: str = "127.0.0.1"
    port: int | None = None
    language: str | None = None
    opens_browser: bool = True
    is_offline: bool = False
    ask_password: Callable[[], str] = str
    """Called where others in the network can reach the host; empty means that there is none."""


def serve(data: DataFolder, wish: Wish, opened: Opened) -> None:
    """Serve the page over ``data`` until Ctrl-C, a KeyboardInterrupt; trainers live on.

    If another process does so already, only opens its page. Raises Refusal ``web.port_taken``,
    ``web.no_such_host``, ``web.password_missing``, and ``web.starting`` where another process is
    about to serve.
    """
    premises = Premises(data)
    try:
        held = premises.occupy()
    except Refusal:
        if premises.url is None:
            raise Refusal("web.starting") from None
        return _welcome(premises, wish, lambda url: opened("open_already", url))
    with held:
        listening, address = listen(wish.host, wish.port)
        with listening:
            keys = Keys(premises.token, _password(address, wish))
            held.sign(address.url)
            entrance = Entrance(keys, address, premises.server)
            how = "open" if wish.port or address.port == USUAL_PORT else "open_elsewhere"
            welcome = partial(_welcome, premises, wish, partial(opened, how))
            _answer(data, wish, entrance, listening, welcome)


def quiet(environ: MutableMapping[str, str], uploads: Path, *, is_offline: bool) -> None:
    """Settle, before Gradio and what reaches for model hubs are imported, that they tell nobody.

    Whatever else the environment asks of Gradio (a public link, its editor) is not done.
    """
    for name in [name for name in environ if name.startswith("GRADIO_")]:
        del environ[name]
    known = [host for host in environ.get("NO_PROXY", "").split(",") if host]
    direct = ",".join([*known, *(host for host in _LOOPBACK if host not in known)])
    environ.update(
        {
            "GRADIO_ANALYTICS_ENABLED": "False",
            "GRADIO_TEMP_DIR": str(uploads),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "DO_NOT_TRACK": "1",
            "NO_PROXY": direct,
            "no_proxy": direct,
        }
    )
    if is_offline:
        environ["HF_HUB_OFFLINE"] = "1"


def _password(address: Address, wish: Wish) -> str:
    password = "" if address.is_loopback else wish.ask_password()
    if not (address.is_loopback or password):
        raise Refusal("web.password_missing", host=wish.host)
    return password


def _answer(
    data: DataFolder,
    wish: Wish,
    entrance: Entrance,
    listening: socket.socket,
    welcome: Callable[[], None],
) -> None:
    discard(data.uploads)
    ensure_folder(data.uploads)
    quiet(os.environ, data.uploads, is_offline=wish.is_offline)
    from studio.web import answering, site  # late, since they bring Gradio

    with ExitStack() as closing:
        launcher = zygote.launcher(data.root / "zygote.log")
        if isinstance(launcher, zygote.Zygote):
            closing.enter_context(launcher)
        bench = closing.enter_context(Workbench(data, launcher))
        bench.prepare()
        guarded = Guard(site.build(bench, entrance, wish.language), entrance)
        answering.answer(guarded, listening, welcome)


def _welcome(premises: Premises, wish: Wish, opened: Callable[[str], None]) -> None:
    address = premises.one_time_address
    opened(address)
    if wish.opens_browser:
        browser.show(address)

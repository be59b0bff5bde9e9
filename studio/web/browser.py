"""Opens the person's browser, where there is one to open."""

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME")


def has_screen(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a browser would have a window; one of text would take the terminal away."""
    return platform in ("win32", "darwin") or any(environ.get(name) for name in _SCREENS)


def show(address: str) -> None:
    """Open ``address``, without waiting for the browser."""
    if has_screen():
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

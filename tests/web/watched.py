"""The command `studio`, with everything written down that it should not do.

`python -m tests.web.watched LOG WORDS…` appends a line to LOG for each connection and look-up that
leaves this machine, and for each import of the libraries that the server lives without.
"""

import os
import sys
from typing import Any

_LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None)
_HEAVY = {"torch", "transformers", "peft", "accelerate", "bitsandbytes"}


def watch(log: int) -> None:
    """Write to the open file ``log`` from now on."""

    def hook(event: str, facts: tuple[Any, ...]) -> None:
        host: object = None
        if event == "socket.connect" and isinstance(facts[1], tuple):
            host = facts[1][0]
        elif event == "socket.getaddrinfo":
            host = facts[0]
        is_heavy = event == "import" and facts[0] in _HEAVY
        if is_heavy or host not in _LOCAL:
            os.write(log, f"{event} {host or facts[0]}\n".encode())

    sys.addaudithook(hook)


if __name__ == "__main__":
    watch(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    from studio.cli import main

    sys.exit(main(sys.argv[2:]))

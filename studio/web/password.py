"""The password of a page that others in the network can reach: never an argument of a program."""

import sys
from collections.abc import Callable, MutableMapping
from getpass import getpass

from studio.core.errors import UserMistake

VARIABLE = "STUDIO_PASSWORD"
LEAST = 10
"""Characters, few tries a minute being all that one gets."""


def choose(
    prompt: str,
    environ: MutableMapping[str, str],
    ask: Callable[[str], str] = getpass,
) -> str:
    """The environment's password, taken out of there, else the one typed; empty without a terminal.

    Raises UserMistake ``web.password_short``.
    """
    password = environ.pop(VARIABLE, "")  # or every process that we start would have it too
    if not password and sys.stdin.isatty():
        password = ask(prompt)
    if password and len(password) < LEAST:
        raise UserMistake("web.password_short", least=LEAST)
    return password

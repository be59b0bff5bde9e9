"""Forked children for tests that kill, race and starve them."""

import os
import traceback
from collections.abc import Callable


def in_child(work: Callable[[], None]) -> int:
    """Start ``work`` in a forked child, which ends with it; returns its process number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def exit_code(child: int) -> int:
    """Wait for the child; 0 if its work went well, minus the signal if one ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

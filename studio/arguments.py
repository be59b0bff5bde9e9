"""How the command line is declared: a command is a function with the words that call it.

Knows how words are read, not what any command does.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.words import LANGUAGES
from studio.printing import Printer
from studio.workbench import Workbench

Run = Callable[[Workbench, argparse.Namespace, Printer], None]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a command, as argparse takes it."""

    flags: tuple[str, ...]
    how: Mapping[str, Any]


def argument(*flags: str, **how: Any) -> Argument:
    """An argument of a command; the parameters are those of argparse's ``add_argument``."""
    return Argument(flags, how)


class Commands:
    """The commands of a program; calling it declares one. ``groups`` say what their words share."""

    def __init__(self, program: str, about: str, groups: Mapping[str, str]) -> None:
        self._parser = argparse.ArgumentParser(
            prog=program, description=about, parents=[_common()], allow_abbrev=False
        )
        leaves = self._parser.add_subparsers(required=True, metavar="COMMAND")
        self._places = {"": leaves}
        for name, text in groups.items():
            group = leaves.add_parser(name, help=text, description=text, allow_abbrev=False)
            self._places[name] = group.add_subparsers(required=True, metavar="COMMAND")

    def __call__(self, words: str, *arguments: Argument) -> Callable[[Run], Run]:
        """Declare the function below as the command ``words``, one or two of them."""
        group, _, name = words.rpartition(" ")

        def declare(run: Run) -> Run:
            about = (run.__doc__ or "").splitlines()[0]
            leaf = self._places[group].add_parser(
                name,
                help=about,
                description=about,
                parents=[_common(argparse.SUPPRESS)],
                allow_abbrev=False,
            )
            leaf.set_defaults(act=run)
            for given in arguments:
                leaf.add_argument(*given.flags, **given.how)
            return run

        return declare

    def read(self, words: list[str] | None) -> argparse.Namespace:
        """What ``words`` (else the program's own) ask for; ends the program for wrong usage."""
        return self._parser.parse_args(words)


def _common(default: object = None) -> argparse.ArgumentParser:
    """What every command takes, before it or after it."""
    common = argparse.ArgumentParser(add_help=False)
    place, text = "where everything is kept", "print JSON and nothing else"
    common.add_argument("--data-dir", type=Path, metavar="DIR", default=default, help=place)
    common.add_argument("--json", action="store_true", default=default or False, help=text)
    common.add_argument("--lang", choices=LANGUAGES, default=default)
    return common

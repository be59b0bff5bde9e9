"""Sentences for keys: one catalogue a language, read once. Knows no screen and no command.

A catalogue is a flat JSON object ``{key: sentence}`` with ``{name}`` places in its sentences.
A key or fact that is missing never hides an error: the key itself is shown with its facts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from studio.core.errors import Mistakes, StudioError, from_json

LANGUAGES = ("en", "zh")


def assets_folder() -> Path:
    """The folder of what is not code: inside the installed package, or beside it in a clone."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "assets"
    return inside if inside.is_dir() else package.parent / "assets"


@dataclass(frozen=True, slots=True)
class Words:
    """One language's sentences."""

    language: str
    sentences: Mapping[str, str]

    def say(self, key: str, /, **facts: Any) -> str:
        """The sentence of ``key`` with ``facts`` filled in."""
        template = self.sentences.get(key)
        if template is None:
            return _bare(key, facts)
        try:
            return template.format(**facts)
        except (LookupError, ValueError, TypeError, AttributeError):
            return _bare(key, facts)

    def under(self, *prefixes: str) -> dict[str, str]:
        """The sentences whose keys begin with one of ``prefixes``, by the rest of their keys."""
        return {
            key.removeprefix(prefix): sentence
            for prefix in reversed(prefixes)
            for key, sentence in self.sentences.items()
            if key.startswith(prefix)
        }

    def explain(self, error: StudioError) -> str:
        """What happened, what it means and what to do, in one line.

        A fact that is itself an error (as JSON), such as the reason of a refusal, is explained too.
        """
        if isinstance(error, Mistakes):
            return " ".join(self.explain(problem) for problem in error.problems)
        facts = {name: self._worded(fact) for name, fact in error.facts.items()}
        return self.say(f"errors.{error.key}", **facts)

    def _worded(self, fact: object) -> object:
        if isinstance(fact, Mapping) and fact.keys() == {"kind", "key", "facts"}:
            return self.explain(from_json(fact))
        return fact


def _bare(key: str, facts: Mapping[str, Any]) -> str:
    named = ", ".join(f"{name}: {value}" for name, value in facts.items())
    return f"{key} ({named})" if named else key


@cache
def words(language: str = "en") -> Words:
    """The catalogue of ``language``, English where the language is not known."""
    chosen = language if language in LANGUAGES else "en"
    path = assets_folder() / "locales" / f"{chosen}.json"
    return Words(chosen, json.loads(path.read_text(encoding="utf-8")))

"""Every error that the code can make has a sentence, and gives the facts that it needs.

The sources are read, not run. A key is written out where an error is made, or stands as a text of
that form in the same function, in one that it calls, or in the same module; f-strings are read as
patterns.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

from studio.data.formats.format import Feature

ROOT = Path(__file__).resolve().parents[1]
ERRORS = {"UserMistake", "Refusal", "RunFailed", "Fault"}
KEY = re.compile(r"[a-z]+\.[a-z][a-z0-9_]*")
HOLE = "[a-z0-9_]+"
FILES = (".json", ".jsonl", ".log", ".safetensors")
# What looks like a key and is none: a column of the database, a part of a recipe.
NO_KEYS = {"versions.operation", "rows.name"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Site:
    """One place that makes an error.

    ``keys`` are patterns of the keys that it may have, ``facts`` the names of what it gives; None
    where it passes on the facts of another error.
    """

    where: str
    keys: frozenset[str]
    facts: frozenset[str] | None


def sentences(language: str = "en") -> dict[str, str]:
    path = ROOT / "assets" / "locales" / f"{language}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def places(sentence: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(sentence) if field is not None}


def name_of(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def inside(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a module, function or value, without functions and parts of f-strings."""
    if isinstance(scope, ast.JoinedStr):
        return
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, Function):
            yield child
            yield from inside(child)


def pattern(node: ast.AST) -> str | None:
    """The key that a text, or the pattern of keys that an f-string, stands for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        is_key = KEY.fullmatch(node.value) and not node.value.endswith(FILES)
        return re.escape(node.value) if is_key and node.value not in NO_KEYS else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values]
    shape = "".join(parts)
    filled = KEY.fullmatch(shape.replace("\0", "x")) and not shape.startswith("\0")
    return re.escape(shape).replace("\0", HOLE) if filled else None


def patterns(nodes: Iterable[ast.AST]) -> frozenset[str]:
    return frozenset(found for node in nodes if (found := pattern(node)) is not None)


def errors(scope: ast.AST) -> Iterator[ast.Call]:
    for node in inside(scope):
        if isinstance(node, ast.Call) and name_of(node) in ERRORS and node.args:
            yield node


def loose(scope: ast.AST) -> frozenset[str]:
    """Patterns in a scope that do not stand right where an error is made."""
    taken = {id(part) for call in errors(scope) for part in (call.args[0], *inside(call.args[0]))}
    return patterns(node for node in inside(scope) if id(node) not in taken)


@cache
def modules() -> dict[Path, ast.Module]:
    found = sorted((ROOT / "studio").rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in found}


def scopes(module: ast.Module) -> list[ast.AST]:
    return [module, *(node for node in ast.walk(module) if isinstance(node, Function))]


@cache
def loose_by_function() -> dict[str, frozenset[str]]:
    return {
        node.name: loose(node)
        for module in modules().values()
        for node in ast.walk(module)
        if isinstance(node, Function)
    }


def keys_of(call: ast.Call, scope: ast.AST, module: ast.Module) -> frozenset[str]:
    """The patterns of the keys that this error may have."""
    written = patterns((call.args[0], *inside(call.args[0])))
    called = [name_of(node) for node in inside(scope) if isinstance(node, ast.Call)]
    below = frozenset().union(*(loose_by_function().get(name, ()) for name in called))
    around = frozenset().union(*(loose(part) for part in scopes(module)))
    return next((keys for keys in (written, loose(scope), below, around) if keys), frozenset())


@cache
def sites() -> tuple[Site, ...]:
    found = []
    for path, module in modules().items():
        for scope in scopes(module):
            for call in errors(scope):
                given = frozenset(word.arg for word in call.keywords if word.arg)
                passed_on = any(word.arg is None for word in call.keywords)
                where = f"{path.relative_to(ROOT).as_posix()}:{call.lineno}"
                keys = keys_of(call, scope, module)
                found.append(Site(where, keys, None if passed_on else given))
    return tuple(found)


def all_patterns() -> frozenset[str]:
    """Patterns of the keys of all errors; a loose one counts if its area is one of errors."""
    written = frozenset().union(*(site.keys for site in sites()))
    areas = tuple({key.partition(".")[0] + "." for key in written})
    every = (loose(scope) for module in modules().values() for scope in scopes(module))
    return written | {key for keys in every for key in keys if key.startswith(areas)}


def facts_at(site: Site) -> frozenset[str]:
    """The facts of an error; whoever lays out a file adds the column that a field is read from."""
    assert site.facts is not None
    return site.facts | {"column"} if "field" in site.facts else site.facts


def test_every_error_has_a_key_that_can_be_found() -> None:
    assert [site.where for site in sites() if not site.keys and site.facts is not None] == []
    assert len(sites()) > 100


def test_every_key_has_a_sentence() -> None:
    known = [key.removeprefix("errors.") for key in sentences()]
    missing = {p for p in all_patterns() if not any(re.fullmatch(p, key) for key in known)}
    assert missing == set()


def test_every_sentence_of_an_error_is_some_error_s() -> None:
    known = all_patterns()
    names = [key.removeprefix("errors.") for key in sentences() if key.startswith("errors.")]
    assert [name for name in names if not any(re.fullmatch(p, name) for p in known)] == []


def test_every_error_gives_the_facts_that_its_sentence_names() -> None:
    wrong = []
    for site in (site for site in sites() if site.facts is not None):
        for key, sentence in sentences().items():
            name = key.removeprefix("errors.")
            lacking = places(sentence) - facts_at(site)
            if lacking and any(re.fullmatch(p, name) for p in site.keys):
                wrong.append(f"{site.where}: {key} names {sorted(lacking)}")
    assert wrong == []


def test_every_thing_that_a_format_may_lose_has_a_sentence() -> None:
    assert {f"errors.data.lost_{feature}" for feature in Feature} <= sentences().keys()


def scope(source: str) -> ast.Module:
    return ast.parse(source)


def test_a_key_is_found_where_it_is_written_or_near() -> None:
    module = scope(
        "A = 'rows.above'\n"
        "def one(what):\n    raise Refusal(f'rows.{what}', row=1)\n"
        "def two():\n    key = 'rows.beside'\n    raise UserMistake(key)\n"
        "def three(key):\n    raise Fault(key)\n"
    )
    found = [
        (call.lineno, keys_of(call, part, module))
        for part in scopes(module)
        for call in errors(part)
    ]
    assert found == [
        (3, frozenset({rf"rows\.{HOLE}"})),
        (6, frozenset({r"rows\.beside"})),
        (8, frozenset({r"rows\.above", r"rows\.beside"})),
    ]

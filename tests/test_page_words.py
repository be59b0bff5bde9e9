"""The page says only what both catalogues hold, and these hold nothing that is not said."""

import re
from functools import cache
from pathlib import Path

import pytest

from studio.core.words import LANGUAGES, assets_folder, words

PAGE = assets_folder() / "page"
SHELL = "words"
WIDGETS = sorted(
    path.stem for path in PAGE.glob("*.js") if "export function mount(" in path.read_text("utf-8")
)
_IMPORT = re.compile(r'(?:from |import\()"\./(\w+)\.js"')
_SAYING = re.compile(r"\bsay\(")
_WHOLE = re.compile(r'"(\w+)"')
_PLACE = re.compile(r"\$?\{[^}]*\}")
_TEMPLATE = re.compile(r"`(\w*(?:\$\{[^}`]*\}\w*)+)`")
_PYTHON_TEMPLATE = re.compile(r'f"(\w*(?:\{[^}"]*\}\w*)+)"')
_OPENING, _CLOSING = "([{", ")]}"


@cache
def text_of(module: str) -> str:
    return (PAGE / f"{module}.js").read_text("utf-8")


def is_of_the_shell(module: str) -> bool:
    """Such a module says the sentences of the whole page, whichever widget calls it."""
    return SHELL in _IMPORT.findall(text_of(module))


def modules_of(widget: str) -> set[str]:
    """The modules that speak as ``widget``: its own and what they import."""
    found, waiting = set[str](), [widget]
    while waiting:
        module = waiting.pop()
        if module not in found and not is_of_the_shell(module):
            found.add(module)
            waiting += _IMPORT.findall(text_of(module))
    return found


def first_arguments(text: str) -> list[str]:
    """What stands first between the brackets of each ``say(…)``."""
    return [text[match.end() : _end(text, match.end())] for match in _SAYING.finditer(text)]


def _end(text: str, at: int) -> int:
    depth = 0
    while depth or text[at] not in ",)":
        depth += (text[at] in _OPENING) - (text[at] in _CLOSING)
        at += 1
    return at


def patterns(templates: list[str]) -> set[str]:
    """Templates as what they may become; one that is all place says nothing."""
    made = {_PLACE.sub(r"\\w+", template) for template in templates}
    return {pattern for pattern in made if pattern.replace("\\w+", "")}


def said(module: str) -> tuple[set[str], set[str]]:
    """The keys that a module says, and the patterns of those that it puts together."""
    arguments = " ".join(first_arguments(text_of(module)))
    chosen = re.sub(r'[!=]==? "\w+"', "", arguments)
    return set(_WHOLE.findall(chosen)), patterns(_TEMPLATE.findall(chosen))


def sentences(language: str, *parts: str) -> set[str]:
    return set(words(language).under(*(f"page.{part}." for part in parts)))


def unsaid(part: str, modules: set[str]) -> list[str]:
    """The keys of ``part`` that stand nowhere in ``modules``, nor in what the server sends."""
    text, sent = "".join(map(text_of, sorted(modules))), what_the_server_says()
    whole = {*_WHOLE.findall(text), *_WHOLE.findall(sent)}
    put = patterns([*_TEMPLATE.findall(text), *_PYTHON_TEMPLATE.findall(sent)])
    return sorted(k for k in sentences("en", part) - whole if not matches(k, put))


def matches(key: str, put_together: set[str]) -> bool:
    return any(re.fullmatch(pattern, key) for pattern in put_together)


@cache
def what_the_server_says() -> str:
    """Some keys it sends: that of the next step, what a model is good for."""
    package = Path(__file__).parents[1] / "studio"
    picks = (assets_folder() / "picks").glob("*/pick.json")
    files = [*package.glob("ui/*.py"), package / "app.py", *picks]
    return "".join(path.read_text("utf-8") for path in files)


SHELL_MODULES = {p.stem for p in PAGE.glob("*.js") if is_of_the_shell(p.stem)} - {"ask"}


def test_widgets_are_found() -> None:
    assert {"bar", "start", "demo", "models", "rows"} <= set(WIDGETS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("widget", WIDGETS)
def test_a_widget_says_only_sentences_that_exist(widget: str, language: str) -> None:
    known = sentences(language, widget, "all")
    for module in modules_of(widget):
        whole, put_together = said(module)
        assert whole - known == set(), module
        assert {p for p in put_together if not any(matches(k, {p}) for k in known)} == set(), module


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shell_says_only_sentences_that_exist(language: str) -> None:
    for module in SHELL_MODULES:
        assert said(module)[0] - sentences(language, "shell", "all") == set(), module


@pytest.mark.parametrize("widget", WIDGETS)
def test_every_sentence_of_a_widget_is_said(widget: str) -> None:
    assert unsaid(widget, modules_of(widget)) == []


def test_every_sentence_of_the_shell_is_said() -> None:
    assert unsaid("shell", SHELL_MODULES) == []


def test_every_sentence_for_all_parts_is_said() -> None:
    sent = what_the_server_says()
    everywhere = {path.stem for path in PAGE.glob("*.js")}
    assert [key for key in unsaid("all", everywhere) if f"page.all.{key}" not in sent] == []


def test_no_sentence_belongs_to_a_part_that_does_not_exist() -> None:
    parts = {key.split(".")[1] for key in words().sentences if key.startswith("page.")}
    assert parts <= {*WIDGETS, "all", "shell", "card"}


def test_every_module_is_of_a_widget_or_of_the_shell() -> None:
    used = SHELL_MODULES.union(*(modules_of(widget) for widget in WIDGETS))
    alone = {"ask", "theme"}  # the one is imported by the widget itself, the other by the head
    apart = {m for s in SHELL_MODULES for m in _IMPORT.findall(text_of(s))}
    assert {path.stem for path in PAGE.glob("*.js")} - used - alone - apart == set()


def test_arguments_of_say_are_read_to_their_end() -> None:
    text = 'x = say(left ? "a" : f(1, 2), { n: 1 }) + say(`b_${c}`);'
    assert first_arguments(text) == ['left ? "a" : f(1, 2)', "`b_${c}`"]

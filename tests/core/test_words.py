"""Sentences: both catalogues say the same things, and no gap in them hides an error."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from studio.core.errors import Fault, Mistakes, Refusal, UserMistake
from studio.core.words import LANGUAGES, Words, assets_folder, words

SENTENCES = {
    "greeting": "Hello {name}.",
    "share": "{share:.0%} of all",
    "field": "{error.name}",
    "errors.rows.role": "No role {role}.",
    "errors.disk.full": "Only {free:,} bytes.",
    "errors.rows.nothing_to_learn": "All are left out. {reason}",
}
SPOKEN = Words("en", SENTENCES)


def places(sentence: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(sentence) if field is not None}


def test_both_languages_have_the_same_keys() -> None:
    one, other = (words(language).sentences for language in LANGUAGES)
    assert one.keys() == other.keys()
    assert len(one) > 100


def test_both_languages_have_the_same_places() -> None:
    one, other = (words(language).sentences for language in LANGUAGES)
    assert [key for key in one if places(one[key]) != places(other[key])] == []


# Examples for a model that reads English only, paths, and the name of the other language.
FOREIGN = re.compile(r"^page\.(demo\.example_\d|models\.example_\w+|bar\.other_language)$")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_text(language: str) -> None:
    sentences = words(language).sentences
    assert [key for key, text in sentences.items() if not text.strip() or "{}" in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_stands_twice_in_a_catalogue(language: str, repository: Path) -> None:
    path = repository / "assets" / "locales" / f"{language}.json"
    pairs = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=list)
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))


def test_the_chinese_catalogue_is_chinese() -> None:
    english, chinese = (words(language).sentences for language in LANGUAGES)
    same = [key for key in english if english[key] == chinese[key] and not FOREIGN.search(key)]
    bare = {key: re.sub(r"\{.*?\}", "", english[key]) for key in same}
    assert [key for key in same if any(letter.isalpha() for letter in bare[key])] == []
    for wrong in ("法学硕士", "增材制造", "及时调优"):
        assert not any(wrong in sentence for sentence in chinese.values())


def test_a_language_that_is_not_known_is_english() -> None:
    assert words("xx").sentences == words("en").sentences
    assert words("../zh").language == "en"
    assert words().language == "en"


def test_facts_are_filled_in() -> None:
    assert SPOKEN.say("greeting", name="Ada") == "Hello Ada."
    assert SPOKEN.say("greeting", name="{name}", more=1) == "Hello {name}."
    assert SPOKEN.say("share", share=0.25) == "25% of all"


def test_a_missing_sentence_shows_its_key_and_facts() -> None:
    assert SPOKEN.say("no.such", row=3, self="x", key="y") == "no.such (row: 3, self: x, key: y)"
    assert SPOKEN.say("no.such") == "no.such"


@pytest.mark.parametrize(
    ("key", "facts", "shown"),
    [
        ("greeting", {}, "greeting"),
        ("greeting", {"row": 3}, "greeting (row: 3)"),
        ("share", {"share": "half"}, "share (share: half)"),
        ("share", {"share": None}, "share (share: None)"),
        ("field", {"error": 3}, "field (error: 3)"),
    ],
)
def test_a_fact_that_is_missing_or_does_not_fit_shows_the_key(
    key: str, facts: dict[str, object], shown: str
) -> None:
    assert SPOKEN.say(key, **facts) == shown


@pytest.mark.parametrize("broken", ["{", "{}", "{0}", "}"])
def test_a_broken_sentence_shows_the_key(broken: str) -> None:
    assert Words("en", {"a.b": broken}).say("a.b", row=3) == "a.b (row: 3)"


def test_an_error_is_explained_in_its_sentence() -> None:
    assert SPOKEN.explain(UserMistake("rows.role", role="x")) == "No role x."
    assert SPOKEN.explain(Fault("run.broke", step=3)) == "errors.run.broke (step: 3)"


def test_several_mistakes_are_all_explained() -> None:
    inner = Mistakes([UserMistake("rows.role", role="x"), Refusal("disk.full", free=1000)])
    outer = Mistakes([UserMistake("rows.role", role="y"), inner])
    assert SPOKEN.explain(outer) == "No role y. No role x. Only 1,000 bytes."


def test_an_error_that_is_the_reason_of_another_is_explained_with_it() -> None:
    reason = Refusal("disk.full", free=5).as_json()
    error = UserMistake("rows.nothing_to_learn", rows=2, reason=reason)
    assert SPOKEN.explain(error) == "All are left out. Only 5 bytes."


def test_a_fact_that_only_looks_like_an_error_is_left_as_it_is() -> None:
    error = UserMistake("rows.role", role={"kind": "x"})
    assert SPOKEN.explain(error) == "No role {'kind': 'x'}."


def test_assets_lie_beside_the_package_in_a_clone(repository: Path) -> None:
    assert assets_folder() == repository / "assets"


def test_assets_lie_inside_an_installed_package(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "studio" / "core", tmp_path / "studio" / "core")
    shutil.copy(repository / "studio" / "__init__.py", tmp_path / "studio")
    locales = tmp_path / "studio" / "assets" / "locales"
    locales.mkdir(parents=True)
    (locales / "zh.json").write_text('{"greeting": "您好"}', encoding="utf-8")
    program = "from studio.core.words import words; print(ascii(words('zh').say('greeting')))"
    # The copy is not measured: it is not the studio's own source.
    env = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ascii("您好")

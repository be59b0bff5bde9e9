"""Identities: equal content is equal, a change is told by the file, nothing is hashed twice."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from studio.engine.identity import Identity, identity
from studio.engine.progress import Progress
from tests.engine import tiny_models


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_models.save("gpt2", tmp_path / "model")


def changed(before: Identity, after: Identity) -> set[str]:
    """The names of files that are other, new or gone."""
    both = (identity["files"].items() for identity in (before, after))
    old, new = ({(name, tuple(facts)) for name, facts in files} for files in both)
    return {name for name, _ in old ^ new}


def test_it_holds_size_and_sha256_of_every_file_that_loading_reads(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    known = identity(folder)
    assert known["kind"] == "folder"
    assert sorted(known["files"]) == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    for name, (size, digest) in known["files"].items():
        content = (folder / name).read_bytes()
        assert (size, digest) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_copy_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert identity(copy) == identity(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "chat_template.jinja"])
def test_a_changed_file_is_named(name: str, folder: Path) -> None:
    before = identity(folder)
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    after = identity(folder)
    assert changed(before, after) == {name}
    assert after["hash"] != before["hash"]


def test_a_file_that_came_or_went_is_named(folder: Path) -> None:
    before = identity(folder)
    (folder / "generation_config.json").unlink()
    (folder / "added_tokens.json").write_text("{}", encoding="utf-8")
    after = identity(folder)
    assert changed(before, after) == {"added_tokens.json", "generation_config.json"}
    assert after["hash"] != before["hash"]


def test_of_a_download_the_commit_is_kept(folder: Path) -> None:
    source = {"kind": "hub", "id": "someone/tiny", "commit": "ab" * 20}
    (folder / "source.json").write_text(json.dumps(source), encoding="utf-8")
    assert identity(folder)["kind"] == "hub"
    assert identity(folder)["commit"] == "ab" * 20


def test_files_that_did_not_change_are_not_hashed_again(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    first = identity(folder, cache=cache)
    told: list[Progress] = []
    assert identity(folder, cache=cache, report=told.append) == first
    assert told == []
    (folder / "config.json").write_bytes((folder / "config.json").read_bytes() + b"\n")
    changed = identity(folder, cache=cache, report=told.append)
    assert [p.done - told[-1].done for p in told] == [0]
    assert changed == identity(folder)


@pytest.mark.parametrize("damage", ["", "[]", "null", '{"config.json": 3}'])
def test_a_damaged_cache_is_made_anew(damage: str, folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "hashes.json"
    cache.write_text(damage, encoding="utf-8")
    assert identity(folder, cache=cache) == identity(folder)
    assert json.loads(cache.read_text(encoding="utf-8"))["config.json"]


def test_progress_runs_to_the_last_byte(folder: Path) -> None:
    told: list[Progress] = []
    known = identity(folder, report=told.append)
    total = sum(size for size, _ in known["files"].values())
    assert told[-1] == Progress("hash", total, total, "bytes")
    assert [p.done for p in told] == sorted(p.done for p in told)

"""Looks at models from afar agree with what is there once they have arrived."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.engine import gguf, hub
from studio.engine.looking import look_at_gguf, look_at_hub
from studio.engine.model_folder import inspect
from studio.engine.operations import Bench, look_gguf, look_hub
from tests.engine import tiny_gguf, tiny_models
from tests.engine.fake_hub import Hub, serving

ID = "someone/tiny-llama"
WEIGHTS = "model.safetensors"
"""What a look must never ask for."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Hub]:
    with serving(ID, tiny_models.save("llama", tmp_path / "origin")) as hub:
        yield hub


def test_a_look_at_a_hub_agrees_with_the_download_and_asks_for_no_weight(
    served: Hub, tmp_path: Path
) -> None:
    served.told = {"cardData": {"license": "apache-2.0"}}
    seen = look_at_hub(ID, tmp_path / "sheets", endpoint=served.endpoint)
    asked = [path for path, _, _ in served.asked]
    assert [path.rpartition("/")[2] for path in asked] == ["main", "config.json"]
    facts = inspect(hub.download(ID, tmp_path / "models" / "tiny", endpoint=served.endpoint))
    for name in ("architecture", "parameters", "layers", "context", "chat_template"):
        assert getattr(seen, name) == getattr(facts, name)
    assert seen.bytes == seen.disk_bytes == facts.bytes
    assert seen.licence == "apache-2.0"


@pytest.mark.parametrize(
    ("told", "licence", "template"),
    [
        ({}, None, None),
        ({"cardData": None, "config": []}, None, None),
        ({"cardData": {"license": "other", "license_name": "gemma"}}, "gemma", None),
        ({"cardData": {"license": ["mit", "x"]}}, None, None),
        ({"config": {"tokenizer_config": {"chat_template": "{{ x }}"}}}, None, True),
        ({"config": {"tokenizer_config": {"bos_token": "<s>"}}}, None, False),
    ],
)
def test_what_the_hub_does_not_say_is_not_known(
    told: dict, licence: str | None, template: bool | None, served: Hub, tmp_path: Path
) -> None:
    del served.files["chat_template.jinja"]
    served.told = told
    seen = look_at_hub(ID, tmp_path / "sheets", endpoint=served.endpoint)
    assert (seen.licence, seen.chat_template) == (licence, template)


@pytest.mark.parametrize(
    ("dropped", "key"),
    [
        ({WEIGHTS}, "models.no_weights"),
        ({"config.json"}, "models.no_config"),
        ({"tokenizer.json"}, "models.no_tokenizer"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_at_the_look(
    dropped: set[str], key: str, served: Hub, tmp_path: Path
) -> None:
    for name in dropped:
        del served.files[name]
    with pytest.raises(UserMistake) as caught:
        look_at_hub(ID, tmp_path / "sheets", endpoint=served.endpoint)
    assert caught.value.key == key


def test_a_hub_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    asked = {"hub_id": ID, "sheets": str(tmp_path), "endpoint": "http://127.0.0.1:9"}
    with pytest.raises(Refusal) as caught:
        next(look_hub(Bench(), lambda: False, **asked))
    assert caught.value.key == "models.hub_unreachable"


def test_a_look_at_a_gguf_file_agrees_with_what_is_unpacked(tmp_path: Path) -> None:
    file = tiny_gguf.write(tmp_path / "tiny.gguf")
    seen = look_at_gguf(file)
    facts = inspect(gguf.convert(file, tmp_path / "models" / "tiny"))
    for name in ("architecture", "parameters", "layers", "context", "chat_template", "licence"):
        assert getattr(seen, name) == getattr(facts, name)
    assert seen.bytes == file.stat().st_size
    assert seen.disk_bytes == 4 * seen.parameters


def test_a_file_that_is_no_gguf_is_refused_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "letter.gguf"
    file.write_bytes(b"Dear Sir or Madam")
    with pytest.raises(UserMistake) as caught:
        next(look_gguf(Bench(), lambda: False, file=str(file)))
    assert (caught.value.key, caught.value.facts["file"]) == ("models.gguf_unreadable", file.name)
    with pytest.raises(UserMistake) as caught:
        look_at_gguf(tmp_path / "nowhere.gguf")
    assert caught.value.key == "models.no_file"


def test_looks_cross_the_border_as_json(served: Hub, tmp_path: Path) -> None:
    asked = {"hub_id": ID, "sheets": str(tmp_path), "endpoint": served.endpoint}
    with pytest.raises(StopIteration) as stop:
        next(look_hub(Bench(), lambda: False, **asked))
    assert json.loads(json.dumps(stop.value.value))["architecture"] == "LlamaForCausalLM"

"""Model folders: what a whole one is, and the file that a broken one is told by."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from studio.core.errors import UserMistake
from studio.engine.loading import load_model, load_tokenizer
from studio.engine.model_folder import inspect
from tests.engine import tiny_models

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 1234\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_models.save("llama", tmp_path / "model")


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    folder = tmp_path / "sharded"
    tiny_models.build("llama").save_pretrained(folder, max_shard_size="60KB")
    tiny_models.tokenizer().save_pretrained(folder)
    assert len(list(folder.glob("*.safetensors"))) > 1
    return folder


def change_json(path: Path, **values: object) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(data | values), encoding="utf-8")


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_the_facts_are_those_of_the_model(name: str, tmp_path: Path) -> None:
    folder = tiny_models.save(name, tmp_path)
    model = tiny_models.build(name)
    facts = inspect(folder)
    assert facts.architecture == type(model).__name__
    assert facts.parameters == sum(p.numel() for p in model.parameters())
    assert (facts.layers, facts.context) == (2, tiny_models.CONTEXT)
    assert facts.chat_template
    assert facts.licence is None
    assert facts.bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert json.loads(json.dumps(facts.as_json()))["folder"] == str(folder)


def test_a_sharded_model_is_the_same_model(folder: Path, sharded: Path) -> None:
    one, many = inspect(folder), inspect(sharded)
    assert many.parameters == one.parameters
    assert many.identity["hash"] != one.identity["hash"]


def test_a_template_in_the_tokenizer_settings_counts(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert not inspect(folder).chat_template
    change_json(folder / "tokenizer_config.json", chat_template="{{ messages }}")
    assert inspect(folder).chat_template


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: apache-2.0\ntags:\n- x\n---\n# Model\n", "apache-2.0"),
        ('---\nlanguage: en\nlicense: "mit"\n---\n', "mit"),
        ("---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"),
        ("# No front matter\nlicense: mit\n", "LICENSE.txt"),
        ("---\nlicense:\n- a\n---\n", "LICENSE.txt"),
    ],
)
def test_the_licence_is_what_the_card_declares_else_a_file(
    card: str, licence: str, folder: Path
) -> None:
    (folder / "LICENSE.txt").write_text("terms", encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")
    assert inspect(folder).licence == licence


def refused(folder: Path, key: str, **facts: object) -> None:
    with pytest.raises(UserMistake) as mistake:
        inspect(folder)
    assert mistake.value.key == key
    assert mistake.value.facts | facts == mistake.value.facts


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none", "models.no_folder")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "models.no_folder")
    refused(tmp_path, "models.no_config")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\udcff"])
def test_a_configuration_that_is_no_json_object_is_refused(text: str, folder: Path) -> None:
    (folder / "config.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    refused(folder, "models.bad_json", file="config.json")


@pytest.mark.parametrize("model_type", ["brand_new", "t5", "", ["llama"], None])
def test_an_architecture_that_is_not_built_in_is_refused(model_type: object, folder: Path) -> None:
    change_json(folder / "config.json", model_type=model_type, architectures=["BrandNew"])
    refused(folder, "models.unknown_architecture", architecture="BrandNew")


def test_a_model_that_fills_gaps_cannot_continue_text(folder: Path) -> None:
    change_json(folder / "config.json", model_type="bert", architectures=["BertForMaskedLM"])
    refused(folder, "models.unknown_architecture", architecture="BertForMaskedLM")


def test_a_value_that_transformers_rejects_is_told(folder: Path) -> None:
    change_json(folder / "config.json", hidden_size="wide")
    refused(folder, "models.bad_config", file="config.json")


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
)
def test_a_pointer_instead_of_a_file_is_named(name: str, folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    (folder / name).write_text(POINTER, encoding="utf-8")
    refused(folder, "models.lfs_pointer", file=name)


def test_a_missing_shard_is_named(sharded: Path) -> None:
    shard = sorted(sharded.glob("*.safetensors"))[1]
    shard.unlink()
    refused(sharded, "models.missing_shard", file=shard.name)


def test_a_shard_without_what_the_index_places_in_it_is_named(sharded: Path) -> None:
    shard = sorted(sharded.glob("*.safetensors"))[0]
    tensors = load_file(shard)
    lost = sorted(tensors)[0]
    save_file({name: t for name, t in tensors.items() if name != lost}, shard)
    refused(sharded, "models.wrong_index", file=shard.name, tensor=lost)


@pytest.mark.parametrize(
    "path", ["../x.safetensors", "/x.safetensors", "a/b.safetensors", "x.bin", "..", ""]
)
def test_an_index_that_points_elsewhere_is_refused(path: str, sharded: Path) -> None:
    index = sharded / "model.safetensors.index.json"
    placed = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    change_json(index, weight_map=placed | {"lm_head.weight": path})
    refused(sharded, "models.index_outside", file=index.name, path=path)


@pytest.mark.parametrize("placed", [None, [], {}, "x"])
def test_an_index_without_a_map_is_refused(placed: object, sharded: Path) -> None:
    change_json(sharded / "model.safetensors.index.json", weight_map=placed)
    refused(sharded, "models.bad_json", file="model.safetensors.index.json")


def header(text: str, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text.encode() + data


A = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
BACK = '{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}'
HUGE = '{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,8]}'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        struct.pack("<Q", 2**63) + b"{}",
        header("{}"[:1]),
        header("[" * 100_000),
        header(f'{{"a":{A}}}', b"1234567"),
        header(f'{{"a":{A},"b":{A}}}', b"12345678"),
        header(f'{{"a":{A},"a":{A}}}', b"12345678" * 2),
        header(f'{{"a":{BACK}}}', b"12345678"),
        header(f'{{"a":{HUGE}}}', b"12345678"),
    ],
    ids=["empty", "short", "2^63", "cut", "deep", "truncated", "overlap", "twice", "back", "huge"],
)
def test_weights_with_a_damaged_header_are_named(content: bytes, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(content)
    refused(folder, "models.damaged", file="model.safetensors")


def test_weights_cut_off_anywhere_are_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in [*range(0, 64), *range(64, len(whole), len(whole) // 100)]:
        path.write_bytes(whole[:length])
        refused(folder, "models.damaged", file="model.safetensors")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt", "model.PTH"])
def test_pickles_alone_are_refused_unread(name: str, folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, "models.pickles_only", file=name)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, "models.no_weights")


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    refused(folder, "models.no_tokenizer")


def test_an_adapter_is_no_model(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "a/b"}')
    refused(folder, "models.adapter", file="adapter_config.json")


def canary(folder: Path, named: str) -> Path:
    """Code in the model's folder that leaves a trace if it is ever run."""
    trace = folder / "ran"
    code = f"open({str(trace)!r}, 'w').close()\nclass Model: ...\nclass Config: ...\n"
    (folder / f"{named}.py").write_text(code, encoding="utf-8")
    return trace


AUTO = {"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"}


def test_code_that_an_unknown_model_brings_is_refused_and_not_run(folder: Path) -> None:
    trace = canary(folder, "mine")
    change_json(folder / "config.json", model_type="mine", architectures=["Mine"], auto_map=AUTO)
    refused(folder, "models.remote_code", architecture="Mine")
    assert not trace.exists()


@pytest.mark.parametrize("use", [inspect, lambda f: load_model(f, dtype="float32"), load_tokenizer])
def test_code_beside_a_built_in_model_is_not_run(
    use: Callable[[Path], object], folder: Path
) -> None:
    trace = canary(folder, "mine")
    change_json(folder / "config.json", auto_map=AUTO)
    change_json(
        folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["mine.Model", "mine.Model"]}
    )
    use(folder)
    assert not trace.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_files_may_be_links_as_in_the_hubs_own_cache(folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for path in folder.iterdir():
        (linked / path.name).symlink_to(path)
    assert inspect(linked).identity == inspect(folder).identity

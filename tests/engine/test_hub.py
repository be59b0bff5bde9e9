"""Downloads from a hub on the loopback: resumed, verified, and published whole or not at all."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.engine.hub import download, is_hub_id
from studio.engine.model_folder import inspect
from studio.engine.progress import Progress
from tests.engine import tiny_models
from tests.engine.fake_hub import COMMIT, Hub, serving

ID = "someone/tiny-llama"
WEIGHTS = "model.safetensors"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tiny_models.save("llama", tmp_path / "origin")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n", encoding="utf-8")
    (folder / "LICENSE").write_text("Terms", encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"pickle" * 10_000)
    (folder / "modeling_tiny.py").write_text("raise SystemExit", encoding="utf-8")
    (folder / "model.fp16.safetensors").write_bytes(b"other" * 10_000)
    with serving(ID, folder) as hub:
        yield hub


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny"


def fetch(hub: Hub, target: Path, **more: object) -> Path:
    """A download that does not wait between tries."""
    return download(ID, target, endpoint=hub.endpoint, wait=lambda _: None, **more)


def refused(hub: Hub, target: Path, key: str, **more: object) -> StudioError:
    with pytest.raises(StudioError) as refusal:
        fetch(hub, target, **more)
    assert refusal.value.key == key
    assert not target.exists()
    return refusal.value


def test_only_what_is_needed_arrives_and_is_what_the_hub_has(hub: Hub, target: Path) -> None:
    folder = fetch(hub, target)
    arrived = {path.name: path.read_bytes() for path in folder.iterdir()}
    source = json.loads(arrived.pop("source.json"))
    assert source == {"kind": "hub", "id": ID, "commit": COMMIT}
    left_out = {"pytorch_model.bin", "modeling_tiny.py", "model.fp16.safetensors"}
    assert arrived == {name: hub.files[name] for name in hub.files if name not in left_out}
    assert not any(name in path for path, _, _ in hub.asked for name in left_out)
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def test_the_identity_holds_the_commit(hub: Hub, target: Path) -> None:
    facts = inspect(fetch(hub, target))
    assert (facts.identity["kind"], facts.identity["commit"]) == ("hub", COMMIT)
    assert facts.licence == "mit"


def test_progress_counts_the_bytes_to_come(hub: Hub, target: Path) -> None:
    told: list[Progress] = []
    folder = fetch(hub, target, report=told.append)
    total = sum(p.stat().st_size for p in folder.iterdir() if p.name != "source.json")
    assert {(p.step, p.total, p.unit) for p in told} == {("download", total, "bytes")}
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert told[-1].done == total


def test_a_sharded_model_arrives_with_exactly_the_shards_of_its_index(
    tmp_path: Path, target: Path
) -> None:
    origin = tmp_path / "origin"
    tiny_models.build("llama").save_pretrained(origin, max_shard_size="60KB")
    tiny_models.tokenizer().save_pretrained(origin)
    (origin / "model-00009-of-00009.safetensors").write_bytes(b"stray")
    with serving(ID, origin) as hub:
        folder = fetch(hub, target)
    assert not (folder / "model-00009-of-00009.safetensors").exists()
    assert inspect(folder).parameters == 34_720


def test_a_broken_transfer_goes_on_where_it_stopped(hub: Hub, target: Path) -> None:
    hub.cuts[WEIGHTS] = [30_000, 50_000, 0, 10_000]
    told: list[Progress] = []
    waited: list[float] = []
    download(ID, target, endpoint=hub.endpoint, report=told.append, wait=waited.append)
    starts = [None, "bytes=30000-", "bytes=80000-", "bytes=80000-", "bytes=90000-"]
    assert hub.asked_for(WEIGHTS) == starts
    assert (target / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert [p.done for p in told] == sorted(p.done for p in told)
    assert waited == [1.0, 1.0, 2.0, 1.0]


def test_a_line_that_stays_dead_is_given_up_and_resumed_by_the_next_call(
    hub: Hub, target: Path
) -> None:
    hub.cuts[WEIGHTS] = [40_000, 0, 0, 0, 0]
    assert refused(hub, target, "models.hub_broken").facts == {"file": WEIGHTS}
    told: list[Progress] = []
    fetch(hub, target, report=told.append)
    assert hub.asked_for(WEIGHTS)[-1] == "bytes=40000-"
    assert told[-1].done == told[-1].total
    assert (target / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert len(hub.asked_for("tokenizer.json")) == 1


def test_a_hub_that_cannot_resume_sends_all_of_it_again(hub: Hub, target: Path) -> None:
    hub.ranges = False
    hub.cuts[WEIGHTS] = [50_000]
    told: list[Progress] = []
    fetch(hub, target, report=told.append)
    assert (target / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert told[-1].done == told[-1].total


@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json"])
def test_wrong_bytes_are_refused_and_fetched_anew(name: str, hub: Hub, target: Path) -> None:
    right = hub.files[name]
    hub.forged[name] = right[:-1] + bytes([right[-1] ^ 1])
    assert refused(hub, target, "models.hub_wrong_bytes").facts == {"file": name}
    hub.forged.clear()
    assert (fetch(hub, target) / name).read_bytes() == right


@pytest.mark.parametrize("change", [b"more", b"m" * 3_000_000])
def test_more_bytes_than_promised_are_refused(change: bytes, hub: Hub, target: Path) -> None:
    hub.forged[WEIGHTS] = hub.files[WEIGHTS] + change
    refused(hub, target, "models.hub_wrong_bytes")


def test_a_newer_commit_starts_afresh(hub: Hub, target: Path) -> None:
    hub.cuts[WEIGHTS] = [40_000, 0, 0, 0, 0]
    refused(hub, target, "models.hub_broken")
    hub.commit = "f" * 40
    fetch(hub, target)
    assert hub.asked_for(WEIGHTS)[-1] is None
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def test_a_cancelled_download_keeps_what_has_arrived(hub: Hub, target: Path) -> None:
    def enough() -> bool:
        return any(part.stat().st_size for part in target.parent.glob(f".tiny.*/{WEIGHTS}.part"))

    refused(hub, target, "models.cancelled", cancel=enough)
    (part,) = target.parent.glob(f".tiny.*/{WEIGHTS}.part")
    arrived = part.stat().st_size
    fetch(hub, target)
    assert 0 < arrived < len(hub.files[WEIGHTS])
    assert hub.asked_for(WEIGHTS)[-1] == f"bytes={arrived}-"


@pytest.mark.parametrize(
    ("status", "kind", "key"),
    [
        (401, Refusal, "models.hub_locked"),
        (403, Refusal, "models.hub_locked"),
        (404, UserMistake, "models.hub_missing"),
        (429, Refusal, "models.hub_busy"),
        (500, Refusal, "models.hub_failed"),
    ],
)
def test_a_refusal_of_the_hub_is_told_for_what_it_is(
    status: int, kind: type[StudioError], key: str, hub: Hub, target: Path
) -> None:
    hub.status = status
    assert isinstance(refused(hub, target, key), kind)


def test_without_a_network_it_says_so(target: Path) -> None:
    nobody = Hub(ID, {}, endpoint="http://127.0.0.1:9")
    assert refused(nobody, target, "models.hub_unreachable").facts["endpoint"] == nobody.endpoint


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>Please log in to the hospital network</html>",
        b"[]",
        b"{}",
        b'{"sha": "../../x", "siblings": []}',
        b'{"sha": "ab", "siblings": [{"rfilename": "config.json"}]}',
    ],
)
def test_an_answer_that_is_none_of_a_hub_is_told_so(answer: bytes, hub: Hub, target: Path) -> None:
    hub.listing = answer
    refused(hub, target, "models.hub_strange")


@pytest.mark.parametrize(
    ("dropped", "key"),
    [
        ({WEIGHTS}, "models.pickles_only"),
        ({WEIGHTS, "pytorch_model.bin"}, "models.no_weights"),
        ({"config.json"}, "models.no_config"),
        ({"tokenizer.json"}, "models.no_tokenizer"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused(
    dropped: set[str], key: str, hub: Hub, target: Path
) -> None:
    for name in dropped:
        del hub.files[name]
    refused(hub, target, key)


def test_an_architecture_that_is_not_built_in_costs_no_download(hub: Hub, target: Path) -> None:
    hub.files["config.json"] = b'{"model_type": "brand_new"}'
    refused(hub, target, "models.unknown_architecture")
    assert hub.asked_for(WEIGHTS) == []


def test_an_index_that_points_elsewhere_is_refused(hub: Hub, target: Path) -> None:
    del hub.files[WEIGHTS]
    index = {"weight_map": {"a": "../../outside.safetensors"}}
    hub.files[f"{WEIGHTS}.index.json"] = json.dumps(index).encode()
    refused(hub, target, "models.index_outside")


def test_a_shard_that_the_hub_lacks_is_named(hub: Hub, target: Path) -> None:
    del hub.files[WEIGHTS]
    index = {"weight_map": {"a": "model-1.safetensors"}}
    hub.files[f"{WEIGHTS}.index.json"] = json.dumps(index).encode()
    assert refused(hub, target, "models.missing_shard").facts["file"] == "model-1.safetensors"


def test_a_model_larger_than_the_disk_costs_no_download(hub: Hub, target: Path) -> None:
    hub.claimed[WEIGHTS] = 1 << 60
    assert refused(hub, target, "disk.full").facts["needed"] > 1 << 60
    assert hub.asked_for(WEIGHTS) == []


def test_a_disk_that_fails_otherwise_is_not_called_full(hub: Hub, target: Path) -> None:
    hub.cuts[WEIGHTS] = [40_000, 0, 0, 0, 0]
    refused(hub, target, "models.hub_broken")
    (part,) = target.parent.glob(f".tiny.*/{WEIGHTS}.part")
    part.unlink()
    part.mkdir()
    with pytest.raises(IsADirectoryError):
        fetch(hub, target)


def test_the_token_goes_to_the_hub_alone(
    hub: Hub, target: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with caplog.at_level(logging.DEBUG):
        folder = fetch(hub, target)
    sent = {path.startswith("/network/"): token for path, _, token in hub.asked}
    assert sent == {False: "Bearer hf_secret", True: None}
    assert "hf_secret" not in caplog.text
    assert not any(b"hf_secret" in path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "name", "a/b/c", "../x", "a/..", "/a/b", "a/b?x", "a b/c", "a/b#c", "http://a/b", "医/b",
     "a/b\n", "a--b/c", "-a/b", "a/" + "b" * 200],
)  # fmt: skip
def test_what_is_no_id_is_never_asked_for(text: str, hub: Hub, target: Path) -> None:
    assert not is_hub_id(text)
    with pytest.raises(UserMistake) as refusal:
        download(text, target, endpoint=hub.endpoint)
    assert refusal.value.key == "models.bad_hub_id"
    assert hub.asked == []


@pytest.mark.parametrize("text", ["Qwen/Qwen3-0.6B", "HuggingFaceTB/SmolLM2-135M-Instruct", "a/b"])
def test_an_id_is_known_by_its_form(text: str) -> None:
    assert is_hub_id(text)


def test_a_folder_that_is_there_is_not_written_over(hub: Hub, target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(UserMistake) as refusal:
        fetch(hub, target)
    assert refusal.value.key == "models.already_there"


@pytest.mark.parametrize("word", ["1", "true", "ON"])
def test_where_the_environment_is_offline_nobody_else_is_asked(
    word: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", word)
    monkeypatch.setattr("studio.engine.hub.httpx2.Client", None)  # to build one would fail
    for endpoint in ("https://hub.example", "http://10.0.0.1:80"):
        refused(Hub(ID, {}, endpoint=endpoint), target, "models.offline")

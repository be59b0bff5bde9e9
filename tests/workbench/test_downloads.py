"""A download by a real engine: cancelled in its midst, and gone on with from there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from studio.jobs.processes import Launcher
from studio.store.data_folder import DataFolder
from studio.workbench import Workbench
from tests.engine import tiny_models
from tests.engine.fake_hub import Hub, serving

ID = "someone/tiny"
WEIGHTS = "model.safetensors"
CUT = 3_000_000
"""Bytes after which the line drops, so that there is something to cancel."""


class Enough(BaseException):
    """The person has cancelled."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    config = LlamaConfig(
        vocab_size=20_000,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "origin")
    tiny_models.tokenizer().save_pretrained(tmp_path / "origin")
    with serving(ID, tmp_path / "origin") as hub:
        yield hub


@pytest.fixture
def bench(tmp_path: Path, hub: Hub, workers: Launcher) -> Iterator[Workbench]:
    with Workbench(DataFolder.open(tmp_path / "data"), workers) as bench:
        bench.desk.choose(mirror=hub.endpoint)
        yield bench


def test_a_cancelled_download_stops_and_goes_on_where_it_stopped(
    bench: Workbench, hub: Hub
) -> None:
    def cancel(progress: dict) -> None:
        if progress["done"] > 1_000_000:
            raise Enough

    hub.cuts[WEIGHTS] = [CUT]
    with pytest.raises(Enough):
        bench.models.add(ID, told=cancel)
    assert bench.models.list() == []
    arrived = bench.shelf.look(ID)["arrived_bytes"]
    asked = len(hub.asked_for(WEIGHTS))
    hub.cuts.clear()
    added = bench.models.add(ID)
    span = hub.asked_for(WEIGHTS)[asked]
    assert span is not None
    assert 0 < int(span.removeprefix("bytes=").rstrip("-")) <= arrived < added["bytes"]
    assert (Path(added["folder"]) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert bench.shelf.look(ID)["arrived_bytes"] == 0


def test_a_look_at_a_hub_leaves_the_engine_free_and_nothing_behind(
    bench: Workbench, hub: Hub
) -> None:
    seen = bench.shelf.look(ID)
    assert (seen["architecture"], seen["layers"]) == ("LlamaForCausalLM", 1)
    assert hub.asked_for(WEIGHTS) == []
    assert sorted(path.name for path in bench.data.models.iterdir()) == ["sheets"]

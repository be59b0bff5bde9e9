"""What a run leaves behind, as PEFT and PyTorch load it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftConfig
from peft.tuners.tuners_utils import check_target_module_exists
from safetensors.torch import load_file

from studio.core.errors import Refusal
from studio.engine.lanes import BASE
from studio.engine.results import read_result
from studio.methods.sites import LowRank
from tests.engine import tiny_models
from tests.engine.tuned_models import KNOBS, Tuned, as_others_load, tune

IDS = torch.tensor([[5, 17, 130, 44, 61, 7, 9]])


def tuned(name: str, **knobs: Any) -> Tuned:
    return tune(tiny_models.build(name), "lora", knobs={"r": 4, "alpha": 6} | knobs)


@pytest.mark.parametrize("targets", ["all-linear", "first"])
@pytest.mark.parametrize("name", [*tiny_models.NAMES, *tiny_models.ODD])
def test_peft_loads_the_adapter_and_gives_the_same_logits(
    name: str, targets: str, tmp_path: Path
) -> None:
    if targets == "first":
        targets = "c_attn" if name == "gpt2" else "q_proj"
    made = tuned(name, targets=targets)
    loaded = as_others_load(tiny_models.build(name), made.write(tmp_path / "tuned"))
    with torch.no_grad():
        ours, theirs = made.made.model(IDS).logits, loaded(IDS).logits
        untouched = tiny_models.build(name)(IDS).logits
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(theirs, untouched, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "targets", "listed"),
    [
        ("llama", "q_proj,v_proj", ["q_proj", "v_proj"]),
        ("gpt2", "all-linear", ["c_attn", "c_fc", "c_proj"]),
        ("phi", "dense", ["dense"]),
    ],
)
def test_layers_are_listed_by_the_last_parts_of_their_names(
    name: str, targets: str, listed: list[str], tmp_path: Path
) -> None:
    folder = tuned(name, targets=targets).write(tmp_path / "tuned")
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["target_modules"] == listed


@pytest.mark.parametrize("name", [*tiny_models.NAMES, "opt"])
def test_peft_loads_a_prompt_and_gives_the_same_logits(name: str, tmp_path: Path) -> None:
    made = tune(tiny_models.build(name), "prompt_tuning")
    loaded = as_others_load(tiny_models.build(name), made.write(tmp_path / "tuned"))
    ids = torch.tensor([[*made.made.virtual, *IDS[0]]])
    with torch.no_grad():
        ours, theirs = made.made.model(ids).logits, loaded(IDS).logits
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [*tiny_models.NAMES, "qwen2"])
@pytest.mark.parametrize("method", ["last_layers", "bitfit"])
def test_torch_loads_what_is_no_adapter_and_gives_the_same_logits(
    name: str, method: str, tmp_path: Path
) -> None:
    made = tune(tiny_models.build(name), method)
    loaded = as_others_load(tiny_models.build(name), made.write(tmp_path / "tuned"))
    with torch.no_grad():
        ours, theirs = made.made.model(IDS).logits, loaded(IDS).logits
    torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=1e-6)


def test_layers_are_listed_in_full_where_the_last_parts_would_take_others_too(
    tmp_path: Path,
) -> None:
    """In GPT-2 a block's attention and its perceptron both end in a ``c_proj``."""
    made = tuned("gpt2", targets="mlp.c_proj")
    folder = made.write(tmp_path / "tuned")
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["target_modules"] == [f"transformer.h.{n}.mlp.c_proj" for n in (0, 1)]
    loaded = as_others_load(tiny_models.build("gpt2"), folder)
    torch.testing.assert_close(loaded(IDS).logits, made.made.model(IDS).logits)


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_pefts_own_rule_finds_exactly_the_sites(name: str, tmp_path: Path) -> None:
    made = tuned(name)
    config = PeftConfig.from_pretrained(made.write(tmp_path / "tuned"))
    names = [key for key, _ in tiny_models.build(name).named_modules()]
    found = {key for key in names if check_target_module_exists(config, key)}
    assert found == {site.module for site in made.made.sites if isinstance(site, LowRank)}
    assert config.fan_in_fan_out == (name == "gpt2")


@pytest.mark.parametrize(("r", "alpha"), [(4, 6.0), (3, 0.1), (7, 16.0), (4, 2.5)])
def test_rank_alpha_and_dropout_are_those_asked_for(r: int, alpha: float, tmp_path: Path) -> None:
    folder = tuned("llama", r=r, alpha=alpha, dropout=0.25).write(tmp_path / "tuned")
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (r, alpha, 0.25)
    assert isinstance(config["lora_alpha"], int) == alpha.is_integer()


@pytest.mark.parametrize("method", KNOBS)
def test_no_path_of_the_machine_is_written(method: str, tmp_path: Path) -> None:
    folder = tune(tiny_models.build("llama"), method).write(tmp_path / "tuned")
    for file in folder.iterdir():
        content = file.read_bytes()
        assert str(tmp_path).encode() not in content
        assert b"/home/someone" not in content


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_changed_tensors_load_by_their_names_into_the_base(name: str, tmp_path: Path) -> None:
    made = tune(tiny_models.build(name), "full")
    folder = made.write(tmp_path / "tuned")
    assert (
        load_file(folder / "changed.safetensors").keys()
        <= tiny_models.build(name).state_dict().keys()
    )
    loaded = as_others_load(tiny_models.build(name), folder)
    with torch.no_grad():
        assert torch.equal(loaded(IDS).logits, made.made.model(IDS).logits)


@pytest.mark.parametrize("method", KNOBS)
def test_it_is_read_back_by_the_sites_own_names(method: str, tmp_path: Path) -> None:
    made = tune(tiny_models.build("phi"), method)
    read = read_result(made.write(tmp_path / "tuned"))
    assert read.keys() == made.values.keys()
    assert all(torch.equal(read[name], value) for name, value in made.values.items())
    assert all(value.dtype == torch.float32 for value in read.values())


def test_it_says_what_it_is_for(tmp_path: Path) -> None:
    folder = tune(tiny_models.build("llama"), "lora").write(tmp_path / "tuned")
    assert json.loads((folder / "studio.json").read_text(encoding="utf-8")) == {
        "base": "tiny",
        "base_hash": "abc",
        "method": "lora",
        "knobs": {"r": 4, "alpha": 6},
        "rows_version": "v1",
        "step": 7,
        "tensors": "last",
    }


def test_a_later_result_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    made = tune(tiny_models.build("llama"), "lora")
    made.write(tmp_path / "tuned")
    for parameter in made.made.parameters.values():
        parameter.data += 1
    made.write(tmp_path / "tuned")
    read = read_result(tmp_path / "tuned")
    assert all(torch.equal(read[name], value) for name, value in made.values.items())
    assert [entry.name for entry in tmp_path.iterdir()] == ["tuned"]


def test_without_room_the_earlier_result_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tune(tiny_models.build("llama"), "lora")
    made.write(tmp_path / "tuned")
    before = {file.name: file.read_bytes() for file in (tmp_path / "tuned").iterdir()}
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(Refusal) as refused:
        made.write(tmp_path / "tuned")
    assert refused.value.key == "disk.full"
    assert {file.name: file.read_bytes() for file in (tmp_path / "tuned").iterdir()} == before


def test_the_base_lane_is_not_what_is_written(tmp_path: Path) -> None:
    made = tune(tiny_models.build("llama"), "full")
    read = read_result(made.write(tmp_path / "tuned"))
    assert not any(torch.equal(read[name], value) for name, value in made.changed[BASE].items())

"""What this machine can do, against what the system and torch say."""

import os
import platform

import psutil
import pytest
import torch

from studio.engine import machine


def test_every_physical_core_that_is_allowed_is_used() -> None:
    before = torch.get_num_threads()
    try:
        threads = machine.use_threads()
        assert torch.get_num_threads() == threads
        assert 1 <= threads <= (psutil.cpu_count(logical=False) or 1)
        if hasattr(os, "sched_getaffinity"):
            assert threads <= len(os.sched_getaffinity(0))
    finally:
        torch.set_num_threads(before)


def test_a_cpu_gets_the_format_that_is_faster_on_it() -> None:
    """Measured here again, on other shapes; only a clear difference tells anything."""
    chosen = machine.number_format("cpu")
    assert chosen in ("float32", "bfloat16")
    ratio = machine._seconds(torch.bfloat16) / machine._seconds(torch.float32)
    if ratio > 1.2:
        assert chosen == "float32"
    if ratio < 0.6:
        assert chosen == "bfloat16"
    assert machine.number_format("cpu") == chosen


def test_apples_device_computes_in_fp32() -> None:
    assert machine.number_format("mps") == "float32"


def test_the_peak_is_in_bytes_and_rises_with_what_is_taken() -> None:
    now, before = psutil.Process().memory_info().rss, machine.peak_memory("cpu")
    assert before >= 0.9 * now
    taken = torch.ones(max(0, before - now) + 64_000_000, dtype=torch.uint8)
    after = machine.peak_memory("cpu")
    assert 32_000_000 < after - before < 1_000_000_000
    del taken
    assert machine.peak_memory("cpu") >= after


def test_versions_and_instructions_are_those_that_run() -> None:
    versions = machine.versions()
    assert versions["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert versions["python"] == platform.python_version()
    assert set(versions) == {"torch", "transformers", "tokenizers", "safetensors", "python"}
    assert torch.backends.cpu.get_cpu_capability() in machine.instructions()


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (ValueError("can't allocate memory"), False),
        (RuntimeError("shapes do not fit"), False),
    ],
)
def test_out_of_memory_is_told_from_other_errors(error: Exception, is_one: bool) -> None:
    assert machine.is_out_of_memory(error) == is_one


def test_torchs_own_words_for_no_memory_are_known() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**55)
    assert machine.is_out_of_memory(refused.value)


def test_the_device_is_one_that_torch_has() -> None:
    assert torch.empty(1, device=machine.device()).device.type == machine.device()

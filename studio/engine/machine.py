"""What this machine can do: device, threads, number formats, memory. Measured, not assumed."""

import importlib.metadata
import os
import platform
import sys
from functools import cache
from time import perf_counter

import psutil
import torch

if sys.platform != "win32":
    import resource

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")


def device() -> str:
    """The device to train on: CUDA, Apple's MPS, or the CPU."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def use_threads() -> int:
    """Let torch use every physical core this process may run on; returns how many."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = max(1, min(allowed or 1, psutil.cpu_count(logical=False) or 1))
    torch.set_num_threads(threads)
    return threads


def number_format(where: str) -> str:
    """``bfloat16`` where the hardware has it, ``float32`` elsewhere.

    A CPU that lacks it emulates bf16 tens of times slower than fp32, whatever its flags say; so
    there it is timed once.
    """
    if where == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    return "bfloat16" if where == "cpu" and _is_fast("bfloat16") else "float32"


@cache
def _is_fast(name: str) -> bool:
    """Whether a matrix product in this format takes clearly less time than in fp32."""
    return _seconds(getattr(torch, name)) < 0.77 * _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    a, b = torch.ones(256, 1024, dtype=dtype), torch.ones(1024, 1024, dtype=dtype)
    times = []
    for _ in range(4):
        start = perf_counter()
        torch.mm(a, b)
        times.append(perf_counter() - start)
    return min(times)


def instructions() -> str:
    """The instruction set that the CPU kernels are chosen by."""
    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def versions(*more: str) -> dict[str, str]:
    """The versions on which the bytes of a result depend, those of the packages ``more`` too."""
    found = {name: importlib.metadata.version(name) for name in (*PACKAGES, *more)}
    return found | {"python": platform.python_version()}


def peak_memory(where: str) -> int:
    """Peak bytes so far: the allocator's on CUDA, the process's resident set elsewhere."""
    if where == "cuda":
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory(where: str) -> dict[str, int]:
    """Bytes of memory that a model can be loaded into there: ``{"total", "free"}``."""
    if where == "cuda":
        free, total = torch.cuda.mem_get_info()
        return {"total": total, "free": free}
    found = psutil.virtual_memory()
    return {"total": found.total, "free": found.available}


def is_out_of_memory(error: Exception) -> bool:
    """Whether ``error`` says that memory did not suffice; torch's CPU says it in words only."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)

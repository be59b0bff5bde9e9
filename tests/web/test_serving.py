"""`studio ui` as a process: what it says, whom it lets in, what it never does, how it ends."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from studio.core.errors import Refusal
from studio.store.data_folder import DataFolder
from studio.web import browser
from studio.web.premises import Premises
from studio.web.serving import Wish, quiet, serve

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/enter\?code=\S+")
_PATIENCE = 90.0


@dataclass
class Server:
    """A watched server; ``said`` is all that it printed, ``seen`` what it should not have done."""

    data: DataFolder
    said_file: Path
    seen_file: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> "Server":
        said, seen = folder / "said.txt", folder / "seen.txt"
        data = DataFolder.open(folder / "data")
        data.uploads.mkdir(exist_ok=True)
        (data.uploads / "left from before").touch()
        words = ["ui", "--no-browser", "--offline", "--port", "0", "--data-dir", str(data.root)]
        with said.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.web.watched", str(seen), *words],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return cls(data, said, seen, process)

    @property
    def said(self) -> str:
        return self.said_file.read_text(encoding="utf-8")

    @property
    def seen(self) -> str:
        return self.seen_file.read_text(encoding="utf-8")

    def address(self) -> str:
        """The one-time address that it printed, as soon as it has."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            if found := ADDRESS.search(self.said):
                return found.group()
            time.sleep(0.05)
        raise AssertionError(self.said)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server.start(tmp_path_factory.mktemp("served"))
    yield started
    started.process.kill()
    started.process.wait()


@pytest.fixture(scope="module")
def visitor(server: Server) -> Iterator[httpx.Client]:
    """A browser that was let in, and has loaded the page."""
    address = server.address()
    with httpx.Client(base_url=address.partition("/enter")[0], trust_env=False) as client:
        page = client.get(address, follow_redirects=True)
        assert page.status_code == 200
        for asset in re.findall(r'(?:src|href)="\.?(/(?:assets|page)/[^"]+)"', page.text):
            assert client.get(asset).status_code == 200, asset
        yield client


def test_the_page_comes_without_torch_and_without_the_network(
    server: Server, visitor: httpx.Client
) -> None:
    assert "gradio_config" in visitor.get("/").text
    assert server.seen == ""
    maps = Path(f"/proc/{server.process.pid}/maps")
    assert not maps.exists() or "libtorch" not in maps.read_text(encoding="utf-8")


def test_the_watch_sees_what_it_should_not(tmp_path: Path) -> None:
    program = (
        "import os, sys, socket; from tests.web.watched import watch; "
        "watch(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600))\n"
        "try: socket.create_connection(('192.0.2.1', 9), timeout=0.01)\nexcept OSError: pass\n"
        "sys.path.clear()\ntry: import peft\nexcept ImportError: pass"
    )
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", program, str(log)], check=True)
    assert {"import peft", "socket.connect 192.0.2.1"} <= set(log.read_text("utf-8").splitlines())


def test_the_code_it_printed_works_once(server: Server, visitor: httpx.Client) -> None:
    with httpx.Client(trust_env=False) as stranger:
        assert stranger.get(server.address()).status_code == 401
        assert stranger.get(str(visitor.base_url)).status_code == 401


def test_the_token_is_in_no_line_of_output_or_command(
    server: Server, visitor: httpx.Client
) -> None:
    token = Premises(server.data).token
    assert token in {cookie.value for cookie in visitor.cookies.jar}
    logs = [server.said_file, *server.data.root.glob("*.log")]
    assert not [log for log in logs if token in log.read_text(encoding="utf-8")]
    command = Path(f"/proc/{server.process.pid}/cmdline")
    assert not command.exists() or token not in command.read_text(encoding="utf-8")
    assert token not in visitor.get("/").text


def test_uploads_of_before_are_gone(server: Server) -> None:
    server.address()
    assert not (server.data.uploads / "left from before").exists()


def test_a_second_start_opens_the_page_of_the_first(server: Server, visitor: httpx.Client) -> None:
    words = ["-m", "studio", "ui", "--no-browser", "--data-dir", str(server.data.root)]
    second = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    found = ADDRESS.search(second.stdout + second.stderr)
    assert found is not None
    assert found.group().startswith(str(visitor.base_url).rstrip("/"))
    with httpx.Client(trust_env=False) as another:
        assert another.get(found.group(), follow_redirects=True).status_code == 200


def test_ctrl_c_ends_it_quietly_though_a_page_is_open(tmp_path: Path) -> None:
    server = Server.start(tmp_path)
    with httpx.Client(trust_env=False) as client:
        client.get(address := server.address())
        stream = address.partition("/enter")[0] + "/gradio_api/heartbeat/page"
        with client.stream("GET", stream) as beating:
            assert beating.status_code == 200
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(20) == 130  # under 2 s on a machine of its own
    assert server.said.count("\n") == 1, server.said


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        wish = Wish(port=other.getsockname()[1], opens_browser=False)
        with pytest.raises(Refusal) as refused:
            serve(DataFolder.open(tmp_path), wish, lambda how, address: None)
    assert refused.value.key == "web.port_taken"


def test_others_reach_the_page_only_by_a_password(tmp_path: Path) -> None:
    wish = Wish(host="0.0.0.0", opens_browser=False)
    with pytest.raises(Refusal) as refused:
        serve(DataFolder.open(tmp_path), wish, lambda how, address: None)
    assert refused.value.key == "web.password_missing"


def test_a_start_beside_one_that_only_begins_is_refused(tmp_path: Path) -> None:
    data = DataFolder.open(tmp_path)
    with Premises(data).occupy(), pytest.raises(Refusal) as refused:
        serve(data, Wish(opens_browser=False), lambda how, address: None)
    assert refused.value.key == "web.starting"


def test_what_we_import_is_told_to_tell_nobody(tmp_path: Path) -> None:
    environ = {"NO_PROXY": "intranet,localhost", "GRADIO_VIBE_MODE": "1", "GRADIO_SHARE": "1"}
    quiet(environ, tmp_path, is_offline=True)
    assert environ["NO_PROXY"] == environ["no_proxy"] == "intranet,localhost,127.0.0.1,::1"
    assert environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert environ["GRADIO_TEMP_DIR"] == str(tmp_path)
    assert not {"GRADIO_VIBE_MODE", "GRADIO_SHARE"} & environ.keys()
    assert environ["HF_HUB_OFFLINE"] == environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    quiet(online := {}, tmp_path, is_offline=False)
    assert "HF_HUB_OFFLINE" not in online


@pytest.mark.parametrize(
    ("environ", "platform", "has"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_a_browser_is_opened_only_where_it_has_a_window(
    environ: dict[str, str], platform: str, has: bool
) -> None:
    assert browser.has_screen(environ, platform) is has

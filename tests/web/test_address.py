import socket

import pytest

from studio.core.errors import Refusal
from studio.web.address import USUAL_PORT, Address, listen


@pytest.mark.parametrize(
    ("host", "netloc"),
    [
        ("127.0.0.1", "127.0.0.1:7860"),
        ("127.0.0.1", "localhost:7860"),
        ("localhost", "localhost:7860"),
        ("::1", "[::1]:7860"),
        ("192.168.1.5", "192.168.1.5:7860"),
        ("clinic.example", "clinic.example:7860"),
        ("0.0.0.0", "192.168.1.5:7860"),
        ("0.0.0.0", "localhost:7860"),
        ("0.0.0.0", f"{socket.gethostname().lower()}:7860"),
        ("::", "[fe80::1]:7860"),
    ],
)
def test_a_server_answers_to_its_own_names(host: str, netloc: str) -> None:
    assert Address(host, 7860).admits(netloc)


@pytest.mark.parametrize(
    ("host", "netloc"),
    [
        ("127.0.0.1", "evil.example:7860"),
        ("127.0.0.1", "192.168.1.5:7860"),
        ("192.168.1.5", "localhost:7860"),
        ("0.0.0.0", "evil.example:7860"),
        ("0.0.0.0", "192.168.1.5"),
        ("0.0.0.0", "192.168.1.5:78600"),
        ("0.0.0.0", "[192.168.1.5]:7860"),
        ("0.0.0.0", "192.168.1.5.evil.example:7860"),
        ("0.0.0.0", ""),
        ("::", "fe80::1:7860"),
    ],
)
def test_a_server_answers_to_no_other_name(host: str, netloc: str) -> None:
    assert not Address(host, 7860).admits(netloc)


def test_port_80_is_not_written() -> None:
    assert Address("127.0.0.1", 80).admits("127.0.0.1")
    assert Address("127.0.0.1", 80).url == "http://127.0.0.1"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:7860"),
        ("::1", "http://[::1]:7860"),
        ("0.0.0.0", "http://127.0.0.1:7860"),
        ("::", "http://[::1]:7860"),
        ("clinic.example", "http://clinic.example:7860"),
    ],
)
def test_the_url_opens_on_this_machine(host: str, url: str) -> None:
    assert Address(host, 7860).url == url


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.evil.example", False),
    ],
)
def test_only_this_machine_reaches_a_loopback(host: str, loopback: bool) -> None:
    assert Address(host, 7860).is_loopback is loopback


def test_a_taken_port_is_refused_to_who_asked_for_it() -> None:
    with listen("127.0.0.1", 0)[0] as other:
        port = other.getsockname()[1]
        with pytest.raises(Refusal) as refused:
            listen("127.0.0.1", port)
    assert (refused.value.key, refused.value.facts["port"]) == ("web.port_taken", port)


def test_without_a_port_a_free_one_is_found() -> None:
    first, here = listen("localhost", None)
    with first:
        second, there = listen("localhost", None)
        second.close()
    assert here.port >= USUAL_PORT
    assert there.port != here.port


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        listen("no-such-host.invalid", None)
    assert refused.value.key == "web.no_such_host"

"""Codes work once; passwords are tried slowly; whoever stays outside learns nothing but how."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from studio.core.words import words
from studio.web.address import Address
from studio.web.entrance import Entrance
from studio.web.keys import Keys, Patience
from tests.web.houses import HOST, SERVER, TOKEN, House, house

PASSWORD = "correct horse 密码"


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("public"), password=PASSWORD) as built:
        yield built


def lobby(keys: Keys, clock: Clock) -> TestClient:
    """The entrance alone."""
    entrance = Entrance(keys, Address("127.0.0.1", 7860), SERVER, Patience(clock))
    site = Starlette(routes=entrance.routes())
    return TestClient(site, base_url=f"http://{HOST}", follow_redirects=False)


def typed(client: TestClient, password: str) -> httpx.Response:
    return client.post("/login", data={"password": password})


def test_a_code_opens_once_and_its_cookie_stays(home: House) -> None:
    path = f"/enter?code={home.keys.make_code(SERVER)}"
    first = home.ask("GET", path)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"]
    assert {"httponly", "samesite=strict", "path=/"} <= set(cookie.lower().split("; "))
    assert home.ask("GET", path).status_code == 401
    for _ in range(2):
        assert home.ask("GET", "/", cookie=cookie.partition(";")[0]).status_code == 200


def test_whoever_is_in_may_follow_an_old_address(home: House) -> None:
    path = f"/enter?code={home.keys.make_code(SERVER)}"
    home.ask("GET", path)
    assert home.ask("GET", path, cookie=home.cookie).status_code == 303


@pytest.mark.parametrize("code", ["", ".", "x", "x.y", "x.é", f"x.{TOKEN}"])
def test_a_made_up_code_opens_nothing(code: str, home: House) -> None:
    answer = home.ask("GET", f"/enter?code={code}")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_a_code_of_another_server_or_token_opens_nothing(home: House) -> None:
    for code in (Keys(TOKEN).make_code("another one"), Keys("0" * 64).make_code(SERVER)):
        assert home.ask("GET", f"/enter?code={code}").status_code == 401


def test_outside_both_languages_say_how_to_come_in(home: House) -> None:
    page = home.ask("GET", "/rows?x=<script>").text
    for language in ("en", "zh"):
        assert words(language).say("web.closed.text") in page
    assert "<script" not in page
    assert "$" not in page


def test_without_a_password_nobody_logs_in(home: House) -> None:
    assert home.ask("POST", "/login", b"password=").status_code == 401
    assert "<form" not in home.ask("GET", "/login").text


def test_the_password_opens_the_page(public: House) -> None:
    form = public.ask("GET", "/")
    assert form.status_code == 401
    for language in ("en", "zh"):
        assert words(language).say("web.login.plain") in form.text
    client = TestClient(public.guard, base_url=f"http://{HOST}", follow_redirects=False)
    assert typed(client, PASSWORD).headers["location"] == "/"
    assert client.get("/").status_code == 200


def test_the_token_of_the_file_alone_does_not_open_a_page_with_a_password(public: House) -> None:
    assert public.ask("GET", "/", cookie=f"studio_7860={TOKEN}").status_code == 401


def test_a_new_password_shuts_out_who_used_the_old() -> None:
    assert not Keys(TOKEN, "another password").fits(Keys(TOKEN, PASSWORD).cookie)


@pytest.mark.parametrize("wrong", ["", PASSWORD[:-1], f"{PASSWORD} ", PASSWORD.upper()])
def test_a_wrong_password_opens_nothing(wrong: str) -> None:
    answer = typed(lobby(Keys(TOKEN, PASSWORD), Clock()), wrong)
    assert answer.status_code == 401
    assert words("zh").say("web.login.wrong") in answer.text
    assert "set-cookie" not in answer.headers


def test_after_three_wrong_passwords_even_the_right_one_waits() -> None:
    clock = Clock()
    client = lobby(Keys(TOKEN, PASSWORD), clock)
    for _ in range(3):
        assert typed(client, "guess").status_code == 401
    assert typed(client, PASSWORD).status_code == 429
    clock.now += 1.01
    assert typed(client, "guess").status_code == 401
    clock.now += 1.01
    assert typed(client, PASSWORD).status_code == 429
    clock.now += 1.0
    assert typed(client, PASSWORD).status_code == 303


def test_nobody_waits_longer_than_a_minute() -> None:
    clock = Clock()
    patience = Patience(clock)
    for _ in range(5000):
        patience.tell(right=False)
    assert patience.wait == 64


def test_the_password_is_no_part_of_a_page(public: House, tmp_path: Path) -> None:
    assert PASSWORD not in public.ask("GET", "/").text

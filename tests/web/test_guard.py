"""Every route, found by itself, stays closed to whoever is not the person before this machine."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient

from studio.web.address import Address
from studio.web.entrance import Entrance
from studio.web.guard import Guard
from studio.web.keys import Keys, kept_token
from studio.workbench import Workbench
from tests.ui.benches import bench_without_torch

PORT = 7860
HOST = f"127.0.0.1:{PORT}"
SERVER = "1 2 3"
TOKEN = "f" * 64
HOSTILE_HOSTS = (
    "evil.example",
    f"evil.example:{PORT}",
    f"127.0.0.1.evil.example:{PORT}",
    f"localhost.evil.example:{PORT}",
    "127.0.0.1:1234",
    f"127.0.0.1.:{PORT}",
    f"[::2]:{PORT}",
    "",
)
HOSTILE_ORIGINS = (
    "http://evil.example",
    "null",
    "http://127.0.0.1:1234",
    f"https://{HOST}",
    f"http://{HOST}.evil.example",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Any, Keys]]:
    folder = tmp_path_factory.mktemp("data")
    with bench_without_torch(folder) as bench:
        address = Address("127.0.0.1", PORT)
        keys = Keys(TOKEN)
        entrance = Entrance(keys, address, SERVER)
        built = asyncio.run(_built(bench, entrance))
        client = TestClient(
            Guard(built, entrance), base_url=f"http://{HOST}", follow_redirects=False
        )
        yield client, built, keys


async def _built(bench: Workbench, entrance: Entrance) -> Any:
    """The site, built where a loop runs: Gradio would else make loops and never close them."""
    from studio.web import site

    return site.build(bench, entrance)


def paths(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route, those of mounted applications too."""
    for route in routes:
        included = getattr(route, "original_router", None)  # a router that FastAPI has taken in
        if included is not None:
            yield from paths(included.routes, prefix)
            continue
        path = prefix + getattr(route, "path", "")
        inner = getattr(route, "app", None)
        if isinstance(route, Mount):
            yield "GET", path + "/studio.css"
            for page in getattr(inner, "pages", {}).values():
                yield from paths(page.page.routes, path)
            yield from paths(getattr(route, "routes", []) or [], path)
            continue
        for method in getattr(route, "methods", None) or ("GET",):
            yield method, path.replace("{", "").replace("}", "").replace(":path", "") or "/"


def everywhere(built: Any) -> list[tuple[str, str]]:
    found = sorted({pair for pair in paths(built.routes) if pair[0] in ("GET", "POST")})
    assert len(found) > 30
    assert any("upload" in path for _, path in found)
    assert any("component_server" in path for _, path in found)
    return found


def knocked(client: TestClient, method: str, path: str, **headers: str) -> httpx.Response:
    client.cookies.clear()
    return client.request(method, path, headers={"host": HOST, **headers})


def let_in(keys: Keys) -> str:
    return f"studio_{PORT}={keys.cookie}"


def test_no_route_answers_to_a_foreign_name(served: tuple[TestClient, Any, Keys]) -> None:
    client, built, keys = served
    for method, path in everywhere(built):
        for host in HOSTILE_HOSTS:
            answer = knocked(client, method, path, host=host, cookie=let_in(keys))
            assert answer.status_code == 421, (method, path, host)


def test_no_route_answers_to_another_site(served: tuple[TestClient, Any, Keys]) -> None:
    client, built, keys = served
    for method, path in everywhere(built):
        for origin in HOSTILE_ORIGINS:
            answer = knocked(client, method, path, origin=origin, cookie=let_in(keys))
            assert answer.status_code == 403, (method, path, origin)
        for site in ("cross-site", "same-site"):
            answer = knocked(client, method, path, **{"sec-fetch-site": site}, cookie=let_in(keys))
            assert answer.status_code == 403, (method, path, site)


def test_no_route_but_the_entrance_answers_without_the_token(
    served: tuple[TestClient, Any, Keys],
) -> None:
    client, built, keys = served
    wrong = ("", f"studio_{PORT}={'0' * 64}", f"studio_7861={keys.cookie}", f"other={keys.cookie}")
    for method, path in everywhere(built):
        for cookie in wrong:
            answer = knocked(client, method, path, cookie=cookie)
            assert answer.status_code in (401, 405, 429), (method, path, cookie)


def test_a_code_opens_once_and_the_cookie_it_gives_stays(
    served: tuple[TestClient, Any, Keys],
) -> None:
    client, _, keys = served
    code = keys.make_code(SERVER)
    first = knocked(client, "GET", f"/enter?code={code}")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert knocked(client, "GET", f"/enter?code={code}").status_code == 401
    given = first.headers["set-cookie"].partition(";")[0]
    page = knocked(client, "GET", "/", cookie=given)
    assert page.status_code == 200
    assert "default-src" in page.headers["content-security-policy"]
    assert "access-control-allow-origin" not in page.headers


def test_the_page_speaks_the_language_that_is_chosen(
    served: tuple[TestClient, Any, Keys],
) -> None:
    client, _, keys = served
    english = knocked(client, "GET", "/", cookie=let_in(keys))
    chinese = knocked(client, "GET", "/", cookie=f"{let_in(keys)}; studio_lang=zh")
    assert 'lang="en"' in english.text
    assert 'lang="zh-CN"' in chinese.text


def test_the_token_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "web-token"
    token = kept_token(file)
    assert kept_token(file) == token
    assert file.stat().st_mode & 0o077 == 0

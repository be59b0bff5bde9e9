"""Every route, found by itself, stays closed to whoever is not the person before this machine."""

import hashlib

import pytest

from studio.web.guard import LARGEST, UPLOAD
from tests.web.houses import HOST, PORT, House, ask_raw

HOSTILE_HOSTS = (
    "evil.example",
    f"evil.example:{PORT}",
    f"127.0.0.1.evil.example:{PORT}",
    f"localhost.evil.example:{PORT}",
    "127.0.0.1:1234",
    "127.0.0.1",
    f"127.0.0.1.:{PORT}",
    f"localhost.:{PORT}",
    f"LOCALHOST:{PORT}",
    f"[::2]:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}",
    f"192.168.1.5:{PORT}",
    f"user@{HOST}",
    "",
)
HOSTILE_ORIGINS = (
    "http://evil.example",
    "null",
    "http://127.0.0.1:1234",
    f"http://localhost:{PORT}",
    f"https://{HOST}",
    f"http://{HOST}.evil.example",
    "",
)
KINDS = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
)


def contents(home: House) -> str:
    """A hash of all that the data folder holds."""
    whole = hashlib.sha256()
    for file in sorted(home.bench.data.root.rglob("*")):
        whole.update(str(file).encode() + (file.read_bytes() if file.is_file() else b""))
    return whole.hexdigest()


def component(home: House, place: str = "bar") -> int:
    """Gradio's number of a part of the page."""
    config = home.ask("GET", "/config", cookie=home.cookie).json()
    found = [one for one in config["components"] if one["props"].get("elem_id") == place]
    return int(found[0]["id"])


def test_the_routes_are_all_of_them(home: House) -> None:
    routes = home.routes()
    assert len(routes) > 60
    for expected in (
        ("GET", "/"),
        ("GET", "/config"),
        ("GET", "/enter"),
        ("GET", "/language"),
        ("GET", "/manifest.json"),
        ("GET", "/page/studio.css"),
        ("GET", "/gradio_api/heartbeat/session_hash"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/login"),
    ):
        assert expected in routes


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_no_route_answers_to_a_foreign_name(host: str, home: House) -> None:
    for method, path in home.routes():
        answer = home.ask(method, path, host=host, cookie=home.cookie)
        assert answer.status_code == 421, (method, path)


@pytest.mark.parametrize("hosts", [[], [HOST, HOST], [HOST, "evil.example"]])
def test_a_request_names_the_server_exactly_once(hosts: list[str], home: House) -> None:
    named = [("host", host) for host in hosts]
    assert ask_raw(home.guard, [*named, ("cookie", home.cookie)]).status == 421


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
def test_no_route_answers_to_another_site(origin: str, home: House) -> None:
    before = contents(home)
    for method, path in home.routes():
        answer = home.ask(method, path, b"{}", origin=origin, cookie=home.cookie)
        assert answer.status_code == 403, (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert contents(home) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_route_answers_to_a_form_or_script_of_another_site(
    site: str, kind: str, home: House
) -> None:
    before = contents(home)
    for method, path in home.routes():
        answer = home.ask(
            method, path, b"{}", content_type=kind, sec_fetch_site=site, cookie=home.cookie
        )
        assert answer.status_code == 403, (method, path)
    assert contents(home) == before


@pytest.mark.parametrize("page", ["/", "/enter"])
def test_a_link_of_another_site_may_lead_to_the_front(page: str, home: House) -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "cookie": home.cookie}
    assert home.ask("GET", page, **link, sec_fetch_dest="document").status_code in (200, 303)
    assert home.ask("GET", page, **link, sec_fetch_dest="iframe").status_code == 403
    assert home.ask("POST", page, **link, sec_fetch_dest="document").status_code == 403
    assert home.ask("GET", "/config", **link, sec_fetch_dest="document").status_code == 403


def test_no_route_answers_without_the_token(home: House) -> None:
    before = contents(home)
    wrong = (
        None,
        "",
        f"studio_{PORT}=",
        f"studio_{PORT}={'0' * 64}",
        f"studio_{PORT}={home.keys.cookie[:-1]}",
        f"studio_{PORT}={home.keys.cookie}x",
        f"studio_{PORT + 1}={home.keys.cookie}",
        f"other={home.keys.cookie}",
    )
    for method, path in home.routes():
        for cookie in wrong:
            answer = home.ask(method, path, b"{}", cookie=cookie)
            assert answer.status_code in (401, 405), (method, path, cookie)
            assert home.keys.cookie not in answer.text
    assert contents(home) == before


def test_a_websocket_is_refused_whoever_asks(home: House) -> None:
    headers = [("host", HOST), ("cookie", home.cookie)]
    heard = ask_raw(home.guard, headers, scope_type="websocket")
    assert [message["type"] for message in heard.messages] == ["websocket.close"]


def test_whoever_shows_the_token_is_let_in(home: House) -> None:
    page = home.ask("GET", "/", cookie=home.cookie, origin=f"http://{HOST}")
    assert page.status_code == 200
    assert "gradio_config" in page.text
    asked = b'{"data": {}, "fn_name": "ask_status", "component_id": %d, "session_hash": "x"}'
    answer = home.ask(
        "POST",
        "/gradio_api/component_server",
        asked % component(home),
        cookie=home.cookie,
        content_type="application/json",
        sec_fetch_site="same-origin",
    )
    assert answer.json()["result"]["dataset"] is None


def test_only_exports_can_be_fetched_as_files(home: House) -> None:
    data = home.bench.data
    secret, export = data.root / "web-token", data.exports / "rows.csv"
    upload = data.uploads / "0" / "patients.csv"
    upload.parent.mkdir(parents=True)
    for file in (secret, export, upload):
        file.write_text("canary", encoding="utf-8")
    for path in (secret, upload, data.database, "/etc/passwd", f"{data.exports}/../web-token"):
        answer = home.ask("GET", f"/gradio_api/file={path}", cookie=home.cookie)
        assert answer.status_code in (403, 404), path
        assert "canary" not in answer.text
    found = home.ask("GET", f"/gradio_api/file={export}", cookie=home.cookie)
    assert found.text == "canary"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://192.0.2.1/rows",
        "/gradio_api/file=https://192.0.2.1/rows",
        "/gradio_api/proxy=http://192.0.2.1/rows",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/runs",
        "/gradio_api/mcp/sse",
        "/gradio_api/openapi.json",
        "/gradio_api/deep_link",
        "/monitoring",
        "/monitoring/summary",
        "/openapi.json",
        "/docs",
        "/redoc",
        "/logout",
    ],
)
def test_what_the_page_has_no_use_for_is_not_there(path: str, home: House) -> None:
    assert home.ask("GET", path, cookie=home.cookie).text == "There is nothing here."


def test_a_huge_request_is_turned_away_unless_it_is_a_file(home: House) -> None:
    headers = [("host", HOST), ("cookie", home.cookie)]
    piece = {"type": "http.request", "body": b"x" * (LARGEST // 2 + 1), "more_body": True}
    last = {"type": "http.request", "body": b"x"}
    small = {"type": "http.request", "body": b"x", "more_body": True}
    path = "/gradio_api/component_server"
    assert ask_raw(home.guard, headers, path=path, bodies=(piece, piece, last)).status == 413
    assert ask_raw(home.guard, headers, path=path, bodies=(small, last)).status != 413
    assert ask_raw(home.guard, headers, path=UPLOAD, bodies=(piece, piece, last)).status != 413


@pytest.mark.parametrize("cookie", [True, False])
def test_every_answer_says_what_a_browser_may_do_with_it(cookie: bool, home: House) -> None:
    shown = home.cookie if cookie else None
    for method, path in home.routes():
        if method == "GET" and not path.startswith(("/gradio_api", "/monitoring")):
            headers = home.ask(method, path, cookie=shown).headers
            policy = headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "http" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"


def test_nothing_but_what_is_the_same_for_all_is_kept_by_a_browser(home: House) -> None:
    def kept(path: str) -> str:
        return str(home.ask("GET", path, cookie=home.cookie).headers.get("cache-control"))

    assert {kept(path) for path in ("/", "/config", "/enter", "/gradio_api/app_id")} == {"no-store"}
    assert kept("/static/img/logo.svg") != "no-store"
    style = home.ask("GET", "/page/studio.css", cookie=home.cookie)
    assert style.headers["cache-control"] == "no-cache"
    tag = style.headers["etag"]
    again = home.ask("GET", "/page/studio.css", cookie=home.cookie, if_none_match=tag)
    assert again.status_code == 304


def test_modules_are_scripts_to_every_browser(home: House) -> None:
    sent = home.ask("GET", "/page/dom.js", cookie=home.cookie)
    assert sent.headers["content-type"].partition(";")[0].endswith("/javascript")

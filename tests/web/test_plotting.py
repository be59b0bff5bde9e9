"""The drawing library: the installed one, behind the guard, sent once."""

from studio.web.plotting import PATH, library
from tests.web.houses import House


def test_the_drawing_library_is_the_installed_one_and_is_sent_once(home: House) -> None:
    sent = home.ask("GET", PATH, cookie=home.cookie)
    assert sent.content == (library() / "plotly.min.js").read_bytes()
    assert "javascript" in sent.headers["content-type"]
    again = home.ask("GET", PATH, cookie=home.cookie, if_none_match=sent.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


def test_strangers_do_not_get_it(home: House) -> None:
    assert home.ask("GET", PATH).status_code == 401
    assert home.ask("POST", PATH, cookie=home.cookie).status_code == 405

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.core.words import words
from studio.store.data_folder import DataFolder
from studio.web import password
from studio.web.keys import Keys, kept_token
from studio.web.premises import Premises


def test_the_token_is_kept_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "web-token"
    token = kept_token(file)
    assert len(token) >= 43  # 256 bits
    assert kept_token(file) == token
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("broken", [b"", b"short\n", b"\xff\xfe" * 40])
def test_a_token_that_cannot_be_one_is_made_anew(broken: bytes, tmp_path: Path) -> None:
    file = tmp_path / "web-token"
    file.write_bytes(broken)
    assert len(kept_token(file)) >= 43


def test_of_many_who_use_a_code_at_once_one_comes_in() -> None:
    keys = Keys("t" * 64)
    code = keys.make_code("server")
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(lambda _: keys.use_code(code, "server"), range(64)))
    assert sum(opened) == 1


def test_without_a_password_none_is_right() -> None:
    assert not Keys("t" * 64).is_password("")


def test_the_server_of_a_folder_can_be_opened_by_another_process(tmp_path: Path) -> None:
    serving, second = (Premises(DataFolder.open(tmp_path)) for _ in range(2))
    with serving.occupy() as held:
        assert second.url is None
        held.sign("http://127.0.0.1:7860")
        address, _, code = second.one_time_address.partition("/enter?code=")
        assert address == second.url
        assert Keys(serving.token).use_code(code, serving.server)
    lock = (tmp_path / "locks" / "server.lock").read_text(encoding="utf-8")
    assert serving.token not in lock
    assert second.url is None


def test_the_environments_password_is_taken_out_of_it() -> None:
    environ = {password.VARIABLE: "long enough indeed"}
    assert password.choose("Password: ", environ) == "long enough indeed"
    assert environ == {}


def test_a_short_password_is_refused() -> None:
    with pytest.raises(UserMistake) as refused:
        password.choose("Password: ", {password.VARIABLE: "short"})
    assert "10" in words().explain(refused.value)

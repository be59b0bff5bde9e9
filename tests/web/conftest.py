"""One house for all tests that change nothing in it."""

from collections.abc import Iterator

import pytest

from tests.web.houses import House, house


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home")) as built:
        yield built

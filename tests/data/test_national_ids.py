"""The published example numbers of each state are found; numbers one digit off are not."""

import pytest

from studio.core.rows import Body, Row
from studio.data.checks import check

FOUND = {
    "european_id": (
        "SVNR 1237 010180",
        "85.07.30-033.28",
        "ЕГН 7523169263",
        "710319/2745",
        "Steuer-ID 36 574 261 809",
        "CPR 211062-5629",
        "isikukood: 36805280109",
        "54362315-K",
        "X-2482300W",
        "131052-308T",
        "2 95 10 99 126 111 93",
        "AMKA 01013099997",
        "OIB 33392005961",
        "PPS 6433435F",
        "RCCMNL83S18D969H",
        "asmens kodas 33309240064",
        "BSN 111222333",
        "44051401359",
        "00000000 0 ZZ4",
        "1630615123457",
        "880320-0016",
    ),
    "national_insurance": ("QQ 12 34 56 C".replace("QQ", "AB"), "JG103759A"),
    "record_number": (
        "MRN: 00482913",
        "medical record number 55-1234",
        "病历号：0034521",
        "住院号 784512",
    ),
}


def findings(text: str, check_name: str) -> list[str]:
    row = Row("r0", "d", 0, Body.pair(f"see {text}, please", "A long enough answer."))
    return [f"{row.body.prompt[f.start : f.end]}" for f in check([row], [check_name])]


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in FOUND.items() for text in texts]
)
def test_a_number_is_found(name: str, text: str) -> None:
    [found] = findings(text, name)
    assert found in text
    assert any(sign.isdigit() for sign in found)


@pytest.mark.parametrize(
    "text",
    [
        "SVNR 1238 010180",
        "85.07.30-033.29",
        "Steuer-ID 36 574 261 808",
        "54362315-L",
        "131052-308U",
        "2 95 10 99 126 111 94",
        "RCCMNL83S18D969I",
        "BSN 111222334",
        "44051401358",
        "880320-0017",
        "111222333",
        "33392005961 tablets",
    ],
)
def test_a_wrong_check_or_a_bare_number_is_left_alone(text: str) -> None:
    assert findings(text, "european_id") == []

"""Numbers that a state gives to a person: how each is written, and whether its check is right.

The checks are python-stdnum's. Digits that many other numbers would pass for are only looked at
beside a word that names them.
"""

import re

from stdnum.at import vnr
from stdnum.be import nn
from stdnum.bg import egn
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.ee import ik
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.gr import amka
from stdnum.hr import oib
from stdnum.ie import pps
from stdnum.it import codicefiscale
from stdnum.lt import asmens
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import cc
from stdnum.ro import cnp
from stdnum.se import personnummer

from studio.data.pattern import ALONE, ENDED, AnyOf, Pattern


def _written(number: str, *, beside: str = "") -> re.Pattern[str]:
    """``number`` standing alone; ``beside`` are words, one of which must stand before it."""
    before = rf"(?:{beside})[\s.:#：=]{{0,4}}(?:(?:is|ist|est|es|è|为|是)\s)?" if beside else ""
    return re.compile(rf"{ALONE}{before}(?P<number>{number}){ENDED}", re.IGNORECASE)


def _is_resident_id(number: str) -> bool:
    """Right by its check digit: counties come and go, so no list of them is held against it."""
    return bool(ric.calc_check_digit(number) == number[17].upper())


def _is_nhs_number(number: str) -> bool:
    """Right by its check, and not one digit ten times, as people type to fill a form."""
    return nhs.is_valid(number) and len(set(re.sub(r"\D", "", number))) > 1


RESIDENT_ID = Pattern(
    re.compile(
        r"(?<![0-9])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
        r"\d{3}[0-9Xx](?![0-9A-Za-z])",
        re.ASCII,
    ),
    _is_resident_id,
    only_in=re.compile(r"\d{17}", re.ASCII),
)
SOCIAL_SECURITY = Pattern(  # no check digit: only the areas that were never given out are left out
    re.compile(r"(?<![\d-])(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\d-])"),
    only_in=re.compile(r"\d\d[- ]\d{4}"),
)
NHS_NUMBER = Pattern(
    re.compile(r"(?<![\d.+-])\d{3}([- ]?)\d{3}\1\d{4}(?![\d-])", re.ASCII),
    _is_nhs_number,
    only_in=re.compile(r"\d{3}[- ]?\d{4}", re.ASCII),
)
NATIONAL_INSURANCE = Pattern(
    re.compile(
        rf"{ALONE}(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?"
        rf"\d\d ?\d\d ?\d\d ?[A-D]{ENDED}"
    ),
    only_in=re.compile(r"\d\d ?\d\d ?\d\d"),
)
EUROPEAN_ID = AnyOf(
    re.compile(r"[ ./A-Za-z+-]?".join([r"\d"] * 6)),  # a repeated group is half as quick
    (
        Pattern(
            _written(r"\d{4} ?\d{6}", beside=r"SVNR|SV-Nr|Sozialversicherungsnummer"), vnr.is_valid
        ),
        Pattern(_written(r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d"), nn.is_valid),
        Pattern(_written(r"\d{10}", beside=r"ЕГН|EGN"), egn.is_valid),
        Pattern(_written(r"\d{6}/\d{3,4}"), rc.is_valid),
        Pattern(
            _written(r"\d{2} ?\d{3} ?\d{3} ?\d{3}", beside=r"Steuer\S*|Id-?Nr|TIN"), idnr.is_valid
        ),
        Pattern(_written(r"\d{6}-\d{4}", beside=r"CPR(?:-?(?:nr|nummer))?"), cpr.is_valid),
        Pattern(_written(r"[1-6]\d{10}", beside=r"isikukood"), ik.is_valid),
        Pattern(_written(r"\d{8}-?[A-Z]"), dni.is_valid),
        Pattern(_written(r"[XYZ]-?\d{7}-?[A-Z]"), nie.is_valid),
        Pattern(_written(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]"), hetu.is_valid),
        Pattern(_written(r"[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d"), nir.is_valid),
        Pattern(_written(r"\d{11}", beside=r"ΑΜΚΑ|AMKA"), amka.is_valid),
        Pattern(_written(r"\d{11}", beside=r"OIB"), oib.is_valid),
        Pattern(_written(r"\d{7}[A-W][A-IW]?", beside=r"PPS(?:N| number| no)?"), pps.is_valid),
        Pattern(_written(r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"), codicefiscale.is_valid),
        Pattern(_written(r"[1-6]\d{10}", beside=r"asmens kodas"), asmens.is_valid),
        Pattern(_written(r"\d{9}", beside=r"BSN|burgerservicenummer"), bsn.is_valid),
        Pattern(_written(r"\d{11}"), pesel.is_valid),
        Pattern(_written(r"\d{8} \d ?[A-Z\d]{2}\d"), cc.is_valid),
        Pattern(_written(r"[1-8]\d{12}"), cnp.is_valid),
        Pattern(_written(r"(?:19|20)?\d{6}[-+]\d{4}"), personnummer.is_valid),
    ),
)

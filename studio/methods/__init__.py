"""Tuning methods: one file each, all of them in :data:`METHODS`."""

from collections.abc import Mapping
from time import perf_counter

from studio.core.costs import Cost
from studio.core.errors import UserMistake
from studio.core.knobs import Value, read_knobs
from studio.core.sheets import Sheet
from studio.methods.base import BYTES_PER_TRAINED_VALUE, Method
from studio.methods.bitfit import BitFit
from studio.methods.full import Full
from studio.methods.last_layers import LastLayers
from studio.methods.lora import Lora
from studio.methods.prompt_tuning import PromptTuning
from studio.methods.qlora import QLora

METHODS: dict[str, Method] = {
    method.id: method
    for method in (Lora(), QLora(), Full(), LastLayers(), BitFit(), PromptTuning())
}


def method_of(name: str) -> Method:
    """The method called ``name``; raises UserMistake naming those there are."""
    if name not in METHODS:
        raise UserMistake("methods.unknown", method=name, known=", ".join(METHODS))
    return METHODS[name]


def read_values(method: Method, given: Mapping[str, object]) -> dict[str, Value]:
    """The method's knobs, read and checked; raises UserMistake with every problem."""
    return read_knobs(method.knobs, given)


def cost_of(sheet: Sheet, method: Method, values: Mapping[str, Value]) -> Cost:
    """The exact counts of ``method`` on the model of ``sheet``."""
    start = perf_counter()
    sites = method.sites(sheet, values)
    trainable = sum(site.trainable for site in sites)
    total = sheet.total + sum(site.added for site in sites)
    disk = trainable * BYTES_PER_TRAINED_VALUE
    return Cost(trainable, total, disk, perf_counter() - start)

"""Which linear layers a target expression names."""

from studio.core.errors import UserMistake
from studio.core.sheets import Layer, Sheet

ALL_LINEAR = "all-linear"


def targeted(sheet: Sheet, expression: str) -> tuple[Layer, ...]:
    """The linear layers that ``expression`` names, in the model's order.

    ``all-linear`` is every one but the output head; else a comma-separated list of ends of their
    names, whole parts each (``q_proj,mlp.up_proj``), as in PEFT's ``target_modules``. Experts that
    are stacked in one tensor are no linear layers. Raises UserMistake naming what matches nothing.
    """
    linears = sheet.linears()
    if expression.strip() == ALL_LINEAR:
        return linears
    wanted = [end.strip() for end in expression.split(",") if end.strip()]
    unknown = [end for end in wanted if not any(_ends(layer, end) for layer in linears)]
    if unknown or not wanted:
        named = ", ".join(unknown) or expression
        known = sorted({layer.name.rpartition(".")[2] for layer in linears})
        raise UserMistake("methods.targets", knob="targets", targets=named, known=", ".join(known))
    return tuple(layer for layer in linears if any(_ends(layer, end) for end in wanted))


def _ends(layer: Layer, end: str) -> bool:
    return f".{layer.name}".endswith(f".{end}")

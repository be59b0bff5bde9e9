"""Which linear layers a target expression names."""

from studio.core.errors import UserMistake
from studio.core.sheets import Layer, Sheet

ALL_LINEAR = "all-linear"


def targeted(sheet: Sheet, expression: str) -> tuple[Layer, ...]:
    """The linear layers that ``expression`` names, in the model's order.

    ``all-linear`` is every one but the output head; else a comma-separated list of last name
    parts (``q_proj,v_proj``). Raises UserMistake naming the parts that match nothing.
    """
    linears = sheet.linears()
    if expression.strip() == ALL_LINEAR:
        return linears
    wanted = [part.strip() for part in expression.split(",") if part.strip()]
    known = {layer.name.rsplit(".", 1)[-1] for layer in linears}
    unknown = [part for part in wanted if part not in known]
    if unknown or not wanted:
        named = ", ".join(unknown) or expression
        raise UserMistake("methods.targets", targets=named, known=", ".join(sorted(known)))
    return tuple(layer for layer in linears if layer.name.rsplit(".", 1)[-1] in wanted)

"""Sheets: what they count, and that they are the same after a round trip."""

import json

from studio.core.sheets import Layer, LayerKind, Sheet, Tensor


def linear(name: str, shape: tuple[int, int], **more: object) -> Layer:
    outputs, inputs = shape
    weight = Tensor(f"{name}.weight", shape)
    return Layer(name, LayerKind.LINEAR, (weight,), inputs, outputs, **more)  # type: ignore[arg-type]


EMBEDDING = Layer("embed", LayerKind.EMBEDDING, (Tensor("embed.weight", (10, 4)),))
UP = linear("blocks.0.up", (6, 4), block=0)
DOWN = Layer(
    "blocks.0.down",
    LayerKind.CONV1D,
    (Tensor("blocks.0.down.weight", (6, 4)), Tensor("blocks.0.down.bias", (4,))),
    inputs=6,
    outputs=4,
    block=0,
)
NORM = Layer("norm", LayerKind.NORM, (Tensor("norm.weight", (4,)),))
HEAD = Layer(
    "head",
    LayerKind.LINEAR,
    (Tensor("head.weight", (10, 4), tied_to="embed.weight"),),
    inputs=4,
    outputs=10,
    is_head=True,
)
SHEET = Sheet(
    architecture="Tiny",
    blocks=1,
    hidden=4,
    context=16,
    vocabulary=10,
    tied=True,
    layers=(EMBEDDING, UP, DOWN, NORM, HEAD),
)


def test_tied_parameters_count_once() -> None:
    assert SHEET.total == 10 * 4 + 6 * 4 + (6 * 4 + 4) + 4
    assert sum(tensor.size for tensor in SHEET.tensors()) == SHEET.total + 10 * 4


def test_the_linears_are_those_of_both_kinds_but_not_the_head() -> None:
    assert SHEET.linears() == (UP, DOWN)
    assert HEAD.is_linear
    assert not NORM.is_linear


def test_a_sheet_is_the_same_after_a_round_trip() -> None:
    assert Sheet.from_json(json.loads(json.dumps(SHEET.as_json()))) == SHEET


def test_a_single_number_is_a_tensor_of_one_value() -> None:
    assert Tensor("gate", ()).size == 1

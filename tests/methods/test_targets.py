"""Targets: which layers an expression names, as PEFT would."""

import pytest

from studio.core.errors import UserMistake
from studio.methods.targets import targeted
from tests.methods.sheets import sheet

Q, K, UP = (
    f"model.layers.0.{name}" for name in ("self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj")
)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("all-linear", [Q, K, UP]),
        (" all-linear ", [Q, K, UP]),
        ("q_proj", [Q]),
        ("up_proj, q_proj", [Q, UP]),
        ("q_proj,q_proj,self_attn.q_proj,", [Q]),
        ("mlp.up_proj", [UP]),
        ("layers.0.self_attn.k_proj", [K]),
        (K, [K]),
    ],
)
def test_layers_are_named_by_ends_of_their_names_in_the_model_s_order(
    expression: str, names: list[str]
) -> None:
    assert [layer.name for layer in targeted(sheet(), expression)] == names


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("c_attn", "c_attn"),
        ("q_proj,c_attn,w_1", "c_attn, w_1"),
        ("proj", "proj"),
        ("attn.q_proj", "attn.q_proj"),
        ("lm_head", "lm_head"),
        ("embed", "embed"),
        ("", ""),
        (" , ", " , "),
    ],
)
def test_what_names_no_layer_is_refused_with_the_known_names(expression: str, named: str) -> None:
    with pytest.raises(UserMistake) as refused:
        targeted(sheet(), expression)
    assert refused.value.key == "methods.targets"
    known = "k_proj, q_proj, up_proj"
    assert refused.value.facts == {"knob": "targets", "targets": named, "known": known}

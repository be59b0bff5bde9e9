"""A sheet made by hand."""

from studio.core.sheets import Layer, LayerKind, Sheet, Tensor

PARTS = {"self_attn.q_proj": (1, 1), "self_attn.k_proj": (1, 2), "mlp.up_proj": (1, 1)}
"""Name -> by what the width is divided for inputs and outputs."""


def sheet(*, hidden: int = 64, blocks: int = 1, context: int = 16) -> Sheet:
    """Three linears a block, an embedding and the head that is tied to it."""
    linears = tuple(
        _linear(block, name, hidden // less[0], max(1, hidden // less[1]))
        for block in range(blocks)
        for name, less in PARTS.items()
    )
    words = Tensor("model.embed.weight", (10, hidden))
    head = Tensor("lm_head.weight", (10, hidden), tied_to=words.name)
    return Sheet(
        architecture="Tiny",
        blocks=blocks,
        hidden=hidden,
        context=context,
        vocabulary=10,
        tied=True,
        layers=(
            Layer("model.embed", LayerKind.EMBEDDING, (words,)),
            *linears,
            Layer("lm_head", LayerKind.LINEAR, (head,), hidden, 10, is_head=True),
        ),
    )


def _linear(block: int, part: str, inputs: int, outputs: int) -> Layer:
    name = f"model.layers.{block}.{part}"
    weight = Tensor(f"{name}.weight", (outputs, inputs))
    return Layer(name, LayerKind.LINEAR, (weight,), inputs, outputs, block=block)

"""ShareGPT: conversations of {"from", "value"}, with LLaMA-Factory's chosen and rejected.

https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md
"""

from studio.core.rows import Body
from studio.data.bodies import Fields
from studio.data.formats.format import CONVERSATION, PLAIN, Feature, Format
from studio.data.turns import as_sharegpt


def _write(body: Body, _: bool) -> Fields:
    turns = [as_sharegpt(message) for message in body.messages]
    fields: dict[str, object] = {"messages": turns}
    if body.rejected is not None:
        worse = as_sharegpt(body.rejected[-1])
        fields |= {"messages": turns[:-1], "chosen": turns[-1], "rejected": worse}
    if body.label is not None:
        fields["label"] = body.label
    return fields


SHAREGPT = Format(
    id="sharegpt",
    columns={
        "messages": "conversations",
        "system": "system",
        "chosen": "chosen",
        "rejected": "rejected",
        "label": "kto_tag",
    },
    known_by=(frozenset({"conversations"}),),
    holds=CONVERSATION | PLAIN | {Feature.UNEVEN},
    write=_write,
)

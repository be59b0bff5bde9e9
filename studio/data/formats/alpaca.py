"""Alpaca: instruction, input and output, with LLaMA-Factory's system, history and preferences.

https://github.com/tatsu-lab/stanford_alpaca and the data/README.md of hiyouga/LLaMA-Factory
"""

from studio.core.rows import Body
from studio.data.bodies import Fields
from studio.data.formats.format import CONVERSATION, PLAIN, Format, spoken


def _write(body: Body, _: bool) -> Fields:
    fields: dict[str, object] = {"prompt": body.prompt, "input": ""}
    if body.rejected is None:
        fields["response"] = body.response
    else:
        fields |= {"chosen": body.response, "rejected": body.rejected[-1].content}
    if body.system:
        fields["system"] = body.system
    said = [message.content for message in spoken(body)[:-2]]
    if said:
        fields["history"] = [[said[i], said[i + 1]] for i in range(0, len(said), 2)]
    if body.label is not None:
        fields["label"] = body.label
    return fields


ALPACA = Format(
    id="alpaca",
    columns={
        "prompt": "instruction",
        "input": "input",
        "response": "output",
        "system": "system",
        "history": "history",
        "chosen": "chosen",
        "rejected": "rejected",
        "label": "kto_tag",
    },
    known_by=(frozenset({"instruction", "output"}), frozenset({"instruction", "chosen"})),
    holds=CONVERSATION | PLAIN,
    write=_write,
)

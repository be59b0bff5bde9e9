"""OpenAI's chat and preference formats, which Together and Fireworks read as well.

https://platform.openai.com/docs/guides/supervised-fine-tuning and …/direct-preference-optimization
"""

from studio.core.rows import Body
from studio.data.bodies import Fields
from studio.data.formats.format import CONVERSATION, Feature, Format
from studio.data.turns import as_openai


def _write(body: Body, _: bool) -> Fields:
    return {"messages": [as_openai(message) for message in body.messages]}


def _write_preference(body: Body, _: bool) -> Fields:
    *asked, better = map(as_openai, body.messages)
    worse = [as_openai(message) for message in body.rejected or ()]
    return {"prompt": {"messages": asked}, "chosen": [better], "rejected": worse}


OPENAI = Format(
    id="openai",
    columns={"messages": "messages", "system": "system", "rejected": "rejected_response"},
    known_by=(frozenset({"messages"}),),
    holds=CONVERSATION | {Feature.MARKS, Feature.UNEVEN},
    write=_write,
)
OPENAI_PREFERENCE = Format(
    id="openai_preference",
    columns={"prompt": "input", "chosen": "preferred_output", "rejected": "non_preferred_output"},
    known_by=(frozenset({"preferred_output", "non_preferred_output"}),),
    holds=CONVERSATION | {Feature.REJECTED},
    needs=Feature.REJECTED,
    write=_write_preference,
)

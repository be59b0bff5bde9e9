"""TRL's formats: prompt and completion, preferences, and labelled completions (KTO).

https://huggingface.co/docs/trl/dataset_formats. A file holds strings where all its rows are one
question and its answers, and lists of turns otherwise: TRL wants one type in a column.
"""

from collections.abc import Sequence

from studio.core.rows import Body, Message
from studio.data.bodies import Fields
from studio.data.formats.format import CONVERSATION, Feature, Format
from studio.data.turns import as_openai


def _form(messages: Sequence[Message], plain: bool) -> object:
    return messages[0].content if plain else [as_openai(message) for message in messages]


def _write(body: Body, plain: bool) -> Fields:
    asked, ending = body.messages[:-1], body.messages[-1:]
    return {"prompt": _form(asked, plain), "response": _form(ending, plain)}


def _write_labelled(body: Body, plain: bool) -> Fields:
    return {**_write(body, plain), "label": body.label}


def _write_preference(body: Body, plain: bool) -> Fields:
    asked, ending = body.messages[:-1], body.messages[-1:]
    return {
        "prompt": _form(asked, plain),
        "chosen": _form(ending, plain),
        "rejected": _form(body.rejected or (), plain),
    }


PROMPT_COMPLETION = Format(
    id="prompt_completion",
    columns={"prompt": "prompt", "response": "completion"},
    known_by=(frozenset({"prompt", "completion"}),),
    holds=CONVERSATION,
    write=_write,
)
PREFERENCE = Format(
    id="preference",
    columns={"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"},
    known_by=(frozenset({"chosen", "rejected"}),),
    holds=CONVERSATION | {Feature.REJECTED},
    needs=Feature.REJECTED,
    write=_write_preference,
)
KTO = Format(
    id="kto",
    columns={"prompt": "prompt", "response": "completion", "label": "label"},
    known_by=(frozenset({"prompt", "completion", "label"}),),
    holds=CONVERSATION | {Feature.LABEL},
    needs=Feature.LABEL,
    write=_write_labelled,
)

"""The studio's own formats: whole rows, question and answer in columns, and plain text."""

from studio.core.rows import Body
from studio.data.bodies import Fields
from studio.data.formats.format import EVERYTHING, Feature, Format


def _whole(body: Body, _: bool) -> Fields:
    return {"body": body.as_json()}


def _pair(body: Body, _: bool) -> Fields:
    if body.text is not None:
        return {"prompt": "", "response": "", "text": body.text}
    fields: dict[str, object] = {"prompt": body.prompt, "response": body.response}
    if body.system:
        fields["system"] = body.system
    if body.rejected is not None:
        fields["rejected"] = body.rejected[-1].content
    if body.label is not None:
        fields["label"] = body.label
    return fields


def _text(body: Body, _: bool) -> Fields:
    return {"text": body.text}


STUDIO = Format(
    id="studio",
    columns={"body": "body"},
    known_by=(frozenset({"body"}),),
    holds=EVERYTHING,
    about=True,
    write=_whole,
)
PAIRS = Format(
    id="pairs",
    columns={"label": "kto_tag"},
    holds=frozenset({Feature.SYSTEM, Feature.REJECTED, Feature.LABEL, Feature.TEXT}),
    about=True,
    containers=("csv", "tsv", "excel", "jsonl", "json"),
    write=_pair,
)
TEXT = Format(
    id="text",
    columns={"text": "text"},
    holds=frozenset({Feature.TEXT}),
    needs=Feature.TEXT,
    containers=("jsonl", "json", "txt"),
    write=_text,
)

"""Questions that a model is asked while it learns: of rows it never learns from."""

from collections.abc import Iterable, Iterator

from studio.core.rows import Body, Kind
from studio.core.splits import bare

COUNT = 3
"""Questions that are asked at a time."""


def asked(body: Body) -> list[str]:
    """What a person asks in ``body``, turn by turn."""
    return [message.content for message in body.messages if message.role == "user"]


def learned_questions(bodies: Iterable[Body]) -> frozenset[str]:
    """What trained rows ask in any turn, bare of its dress."""
    return frozenset(bare(question) for body in bodies for question in asked(body))


def questions_of(held_back: Iterable[Body], learned: Iterable[Body]) -> Iterator[str]:
    """The questions of check rows, in their order; each once, those that make sense alone first.

    None that a ``learned`` row asks, in whatever dress. The last question of a conversation leans
    on what was said before it.
    """
    taken = set(learned_questions(learned))
    later: list[str] = []
    for body in held_back:
        question = body.prompt.strip() if body.kind is not Kind.TEXT else ""
        if not question or bare(question) in taken:
            continue
        if len(asked(body)) > 1:
            later.append(question)
            continue
        taken.add(bare(question))
        yield question
    for question in later:
        if bare(question) not in taken:
            taken.add(bare(question))
            yield question

"""Questions that a model is asked while it learns: of rows it never learns from."""

from collections.abc import Iterable, Iterator

from studio.core.rows import Body, Kind

COUNT = 3
"""Questions that are asked at a time."""


def questions_of(bodies: Iterable[Body]) -> Iterator[str]:
    """The questions of check rows, in their order; each once, those that make sense alone first.

    The last question of a conversation leans on what was said before it.
    """
    asked: dict[str, None] = {}
    later: list[str] = []
    for body in bodies:
        question = body.prompt.strip() if body.kind is not Kind.TEXT else ""
        if not question or question in asked:
            continue
        if sum(message.role == "user" for message in body.messages) > 1:
            later.append(question)
            continue
        asked[question] = None
        yield question
    yield from dict.fromkeys(question for question in later if question not in asked)

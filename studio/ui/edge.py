"""The edge between browser and workbench: arguments checked, errors turned into cards.

What a browser sends is never trusted: an action is called only with the arguments that its
signature names, each of the type that stands there. What is right in the sense of the studio, the
workbench decides. Knows no tab and no component.
"""

import inspect
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Union, get_args, get_origin, get_type_hints

from studio.core.errors import Fault, Mistakes, StudioError, UserMistake, tell_place
from studio.core.words import Words

Json = dict[str, Any]
Action = Callable[..., Any]
"""Something the page may ask for; takes JSON values by name and returns a JSON value."""
Answering = Callable[[Any], Json]


@dataclass(frozen=True, slots=True)
class Edge:
    """Calls actions for a browser that reads ``words``."""

    words: Words

    def answering(self, action: Action) -> Answering:
        """``action`` as the browser calls it: ``{name: value}`` in, ``{"result"}`` or ``{"card"}``.

        An error is never raised through: the page shows each as one card.
        """

        @wraps(action)
        def answer(data: Any) -> Json:
            try:
                return {"result": action(**_read(action, data))}
            except StudioError as error:
                return {"card": self.card(error)}
            except Exception as error:
                tell_place(error)
                return {"card": self.card(Fault("page.broke", cause=type(error).__name__))}

        # What wraps() copies would let the signature, not the one argument, be looked at.
        del answer.__wrapped__
        answer.__annotations__ = {"data": Any, "return": Json}
        return answer

    def card(self, error: StudioError) -> Json:
        """What happened, what it means and what to do; ``details`` belong behind a fold."""
        kind = type(error).__name__
        return error.as_json() | {
            "title": self.words.say(f"page.card.{kind}"),
            "text": self.sentence(error),
            "details": str(error),
        }

    def sentence(self, error: StudioError) -> str:
        """``error`` in words; a knob is named as the page's forms name it."""
        if isinstance(error, Mistakes):
            return " ".join(self.sentence(problem) for problem in error.problems)
        label = self.words.sentences.get(f"knobs.{error.facts.get('knob')}.label")
        named = {"knob": label} if label else {}
        return self.words.explain(type(error)(error.key, **error.facts | named))


def _read(action: Action, data: Any) -> Json:
    """``data`` as the arguments of ``action``; raises UserMistake ``page.arguments``."""
    hints = get_type_hints(action)
    parameters = inspect.signature(action).parameters
    needed = {name for name, p in parameters.items() if p.default is inspect.Parameter.empty}
    given = {} if data is None else data
    if not isinstance(given, dict) or not needed <= given.keys() <= parameters.keys():
        raise UserMistake("page.arguments", action=action.__name__)
    for name, value in given.items():
        if not fits(value, hints.get(name, Any)):
            raise UserMistake("page.arguments", action=action.__name__)
    return given


def fits(value: object, hint: Any) -> bool:
    """Whether a JSON value is of the type ``hint``: a plain type, a union, a list or a dict.

    NaN and the infinities, which Python's JSON lets in, are of none.
    """
    if hint is Any:
        return _is_finite(value)
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(item, inner[1]) for key, item in value.items()
        )
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and _is_finite(value)
    return isinstance(value, hint)


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)

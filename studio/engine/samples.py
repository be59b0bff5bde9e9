"""Questions that the model answers while it learns: which, how often, and for how long at most.

Answers draw from a random stream of their own, so that a run learns the same with and without.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter

from studio.core.errors import StudioError, UserMistake
from studio.core.questions import COUNT, questions_of
from studio.core.recipe import Recipe
from studio.core.rows import Message, Split
from studio.engine.answering import Pair
from studio.engine.encoding import Encoder
from studio.engine.lanes import TUNED, Sampling
from studio.store.run_folder import RunFolder

LENGTH = 64
"""Word pieces of an answer that is given while training goes on."""

CUT = " …"
"""Stands where an answer would have gone on, had there been time."""

FIRST_GUESS = 1.0
"""Seconds that a set of answers is taken to need before any was given."""

BETWEEN = 5.0
"""Seconds at least from one set of answers to the next: nobody reads faster."""

Clock = Callable[[], float]


@dataclass(slots=True)
class Allowance:
    """The time that may go to answers: at any moment ``share`` of what went to all else.

    ``needed`` is what the last answers took, or would have, had they not been cut off.
    """

    share: float
    clock: Clock = perf_counter
    needed: float = FIRST_GUESS
    spent: float = 0.0
    begun: float = field(init=False)
    rests_until: float = -math.inf

    def __post_init__(self) -> None:
        self.begun = self.clock()

    @property
    def left(self) -> float:
        """Seconds that answers may take now."""
        return self.share * (self.clock() - self.begun - self.spent) - self.spent

    @property
    def has_room(self) -> bool:
        """Whether it is time for a set of answers."""
        return self.left >= self.needed and self.clock() >= self.rests_until

    def note(self, seconds: float, *, is_whole: bool) -> None:
        """Answers have taken so long; those that were cut off need at least as long again."""
        self.spent += seconds
        self.needed = seconds if is_whole else 2 * seconds
        self.rests_until = self.clock() + BETWEEN


@dataclass(slots=True)
class Sampler:
    """Asks ``questions`` of the model as it stands, where the allowance, if any, has room."""

    pair: Pair
    questions: tuple[str, ...]
    allowance: Allowance | None = None

    def __call__(self) -> list[tuple[str, str]]:
        """Questions and answers; none where it is too early for them."""
        if self.allowance is None:
            return [(question, self._answer(question)) for question in self.questions]
        if not self.questions or not self.allowance.has_room:
            return []
        return self._in_time(self.allowance)

    def _in_time(self, allowance: Allowance) -> list[tuple[str, str]]:
        """Answers within what is left, each of them within its part of it."""
        start = allowance.clock()
        end, answers = start + allowance.left, []
        for waiting, question in zip(
            range(len(self.questions), 0, -1), self.questions, strict=True
        ):
            now = allowance.clock()
            answers.append((question, self._answer(question, until=now + (end - now) / waiting)))
        is_whole = not any(text.endswith(CUT) for _, text in answers)
        allowance.note(allowance.clock() - start, is_whole=is_whole)
        return answers

    def _answer(self, question: str, until: float = math.inf) -> str:
        """The answer, as far as it comes ``until`` then; what goes on beyond ends with a mark."""
        clock = self.allowance.clock if self.allowance else perf_counter
        text = ""
        pieces = self.pair.stream(
            [Message("user", question)], Sampling(max_new_tokens=LENGTH), lanes=(TUNED,)
        )
        for piece in pieces:
            if "answers" in piece:
                return str(piece["answers"][TUNED]["text"])
            text += piece["text"]
            if clock() >= until:
                break
        return text.strip() + CUT


def sampler_of(run: RunFolder, recipe: Recipe, pair: Pair, context: int) -> Sampler:
    """Who asks the run's questions as often as its recipe wants; ``context`` 0 is any length.

    Raises UserMistake ``run.question_unfit`` for a question of the recipe's that does not fit.
    """
    training = recipe.training
    questions = _questions(run, recipe, pair.encoder, context) if training.sample_every else ()
    share = training.sample_share
    return Sampler(pair, questions, None if share is None else Allowance(share))


def _questions(run: RunFolder, recipe: Recipe, encoder: Encoder, context: int) -> tuple[str, ...]:
    """The recipe's own, or those of the first check rows: never of rows that are trained on."""

    def fits(question: str) -> bool:
        try:
            length = len(encoder.prompt([Message("user", question)]))
        except StudioError:
            return False
        return not context or length + LENGTH <= context

    for question in recipe.questions:
        if not fits(question):
            raise UserMistake("run.question_unfit", question=question[:60])
    return recipe.questions or tuple(islice(filter(fits, _held_back(run)), COUNT))


def _held_back(run: RunFolder) -> Iterator[str]:
    rows = run.rows()
    held_back, learned = (
        [row.body for row in rows if row.split is wanted] for wanted in (Split.CHECK, Split.TRAIN)
    )
    return questions_of(held_back, learned)

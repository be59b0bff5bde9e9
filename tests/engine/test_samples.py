"""Questions asked while a model learns: never for longer than they may, never in the way."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from studio.core.events import Ended, Stepped
from studio.engine import interruption, samples
from studio.engine.answering import Pair
from studio.engine.loop import Session, train
from studio.engine.preparation import prepare
from studio.engine.samples import CUT, Allowance, Sampler
from tests.engine.tiny_runs import Begin, said
from tests.engine.tiny_runs import train as train_run
from tests.engine.tiny_sessions import names, same, values

QUESTIONS = ("one", "two", "three")


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class SlowPair:
    """Writes answers of ``pieces`` word pieces; each takes ``cost`` seconds."""

    def __init__(self, clock: Clock, pieces: int, cost: float) -> None:
        self.clock, self.pieces, self.cost = clock, pieces, cost

    def stream(self, *_: object, **__: object) -> Iterator[dict[str, Any]]:
        for _piece in range(self.pieces):
            self.clock.now += self.cost
            yield {"lane": "tuned", "text": "x"}
        yield {"answers": {"tuned": {"text": "x" * self.pieces}}}


def slow(share: float, *, pieces: int, cost: float) -> tuple[Clock, Sampler, Allowance]:
    clock = Clock()
    allowance = Allowance(share, clock)
    pair = cast(Pair, SlowPair(clock, pieces, cost))
    return clock, Sampler(pair, QUESTIONS, allowance), allowance


@pytest.mark.parametrize("update", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("cost", [0.001, 0.05, 2.0])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_answers_never_take_more_than_their_share_of_the_time(
    update: float, cost: float, share: float
) -> None:
    clock, sampler, allowance = slow(share, pieces=64, cost=cost)
    begun, spent, sets = clock.now, 0.0, 0
    for _ in range(2000):
        clock.now += update
        before = clock.now
        sets += bool(sampler())
        spent += clock.now - before
        other = clock.now - begun - spent
        assert spent <= share * other + cost * len(QUESTIONS)  # the word piece each was at
    assert spent == pytest.approx(allowance.spent)
    if share * update * 2000 > 8 * cost * 64 * len(QUESTIONS):
        assert sets > 1
        often = min(2000, (clock.now - begun) / samples.BETWEEN)
        assert spent > share * other / 8 or sets > often / 2, "and what may be spent is used"


def test_the_first_answers_come_early_and_are_cut_where_time_is_up() -> None:
    clock, sampler, _ = slow(0.1, pieces=64, cost=0.1)
    updates = 0
    while not (first := sampler()):
        clock.now += 1.0
        updates += 1
    assert updates == 10
    assert [question for question, _ in first] == list(QUESTIONS)
    assert all(text.endswith(CUT) and text.startswith("xxx") for _, text in first)
    while not (second := sampler()):
        clock.now += 1.0
        updates += 1
    assert len(second[0][1]) > len(first[0][1])


def test_answers_that_have_time_are_whole_and_come_as_often_as_they_may() -> None:
    clock, sampler, allowance = slow(0.5, pieces=10, cost=0.01)
    clock.now += 2.0
    assert sampler() == [(question, "x" * 10) for question in QUESTIONS]
    assert allowance.needed == pytest.approx(0.3)
    assert sampler() == [], "nobody reads that fast"
    clock.now += samples.BETWEEN
    assert len(sampler()) == 3


def test_without_an_allowance_every_answer_is_whole() -> None:
    clock = Clock()
    sampler = Sampler(cast(Pair, SlowPair(clock, 64, 100.0)), QUESTIONS)
    assert [text for _, text in sampler()] == ["x" * 64] * 3


def test_without_questions_no_time_is_needed() -> None:
    clock, _, allowance = slow(0.1, pieces=1, cost=1.0)
    clock.now += 1000
    assert Sampler(cast(Pair, None), (), allowance)() == []
    assert allowance.spent == 0


def sampling(begin: Begin, **training: Any) -> Session:
    """A session whose sampler may answer at once."""
    session, _ = prepare(begin(questions=("Why?",), sample_every=1, **training), lambda: None)
    session.sample = Sampler(
        cast(Sampler, session.sample).pair, ("Why?",), Allowance(0.99, needed=0.0)
    )
    return session


def test_a_run_learns_the_same_with_answers_and_without(begin: Begin) -> None:
    quiet, _ = prepare(begin(), lambda: None)
    talking = sampling(begin, sample_share=0.99)
    list(train(quiet))
    assert "sample" in names(list(train(talking)))
    assert same(values(quiet), values(talking))


@pytest.mark.parametrize("word", ["pause", "stop"])
def test_an_answer_is_left_at_once_when_somebody_asks(
    begin: Begin, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "LENGTH", 200)
    monkeypatch.setattr(interruption, "RHYTHM", 0.0)
    session = sampling(begin, eval_every=0, save_every=0)
    passes: list[int] = []
    session.installed.model.register_forward_pre_hook(lambda *_: passes.append(1))
    events = train(session)
    assert isinstance(next(events), Stepped)
    passes.clear()
    session.asked = lambda: cast(Any, word)
    rest = list(events)
    assert names(rest) == ["checkpoint", "end"]
    assert rest[-1] == Ended("paused" if word == "pause" else "stopped", 1)
    assert len(passes) == 1


def test_a_capped_run_also_answers_at_its_end_if_there_is_time(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(questions=("Why?",), sample_every=2, sample_share=0.1)
    train_run(run)
    assert said(run, "sample") == [], "three quick updates leave none"
    session = sampling(begin, sample_share=0.99)
    object.__setattr__(session.training, "sample_every", 2)
    monkeypatch.setattr(samples, "BETWEEN", 0.0)
    steps = [event.as_json()["step"] for event in train(session) if event.name == "sample"]
    assert steps == [2, 3]

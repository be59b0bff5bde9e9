"""A run made ready to train: base loaded, rows encoded, sites installed, plan decided or obeyed.

What can be refused is refused here, before the first update. Knows no process.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from studio.core.costs import disk_needed
from studio.core.course import Course
from studio.core.errors import StudioError, UserMistake
from studio.core.plan import Plan
from studio.core.recipe import Recipe
from studio.core.rows import Message, Split
from studio.engine import machine, plans
from studio.engine.answering import Pair
from studio.engine.bases import require_same_base
from studio.engine.encoding import Encoder
from studio.engine.interruption import Interrupted
from studio.engine.lanes import TUNED, Sampling
from studio.engine.lessons import TOKENS, Lessons
from studio.engine.loading import eos_ids, load_model, load_tokenizer
from studio.engine.loop import Asked, Sampler, Session
from studio.engine.results import write_result
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import install
from studio.engine.space import require_space
from studio.engine.trained import Trained
from studio.methods import method_of, read_values
from studio.store.run_folder import RunFolder

SAMPLE_LENGTH = 64
"""Word pieces of an answer that is given while training goes on."""

_QUESTIONS = 3


def prepare(run: RunFolder, asked: Asked) -> tuple[Session, Lessons]:
    """Make the run ready; the first attempt writes its plan, every later one must obey it.

    A pause is heard meanwhile (raises Interrupted); a stop is not, since it leaves a result.
    """

    def heed(*_: object) -> None:
        if asked() == "pause":
            raise Interrupted("pause")

    recipe, written = run.recipe(), run.plan()
    require_same_base(run, recipe, report=heed)
    machine.use_threads()
    folder, device = Path(recipe.base.folder), machine.device()
    dtype = _number_format(recipe, written, device)
    model, tokenizer = load_model(folder, dtype=dtype, device=device), load_tokenizer(folder)
    heed()
    encoder, sheet = Encoder(tokenizer, eos_ids=eos_ids(model)), sheet_of(model)
    if written is None:
        longest = plans.max_length(recipe, sheet)
        lessons = Lessons.encode(run.rows(), encoder, longest, progress=heed)
    else:
        lessons = Lessons.load(run.path / TOKENS)
    plan = plans.decide(recipe, sheet, lessons, model=model, template_hash=encoder.template_hash)
    method = method_of(recipe.method)
    sites = method.sites(sheet, read_values(method, recipe.knobs))
    installed = install(model, sites, recipe.training.seed)
    trained = Trained(installed.parameters)
    plan = _agree(run, written, plan, lessons, trained=trained)
    pair = Pair(installed, encoder, tokenizer, changed={TUNED: {}})
    session = Session(
        training=recipe.training,
        plan=plan,
        course=Course.of(recipe.training, len(lessons.train)),
        train=lessons.train,
        check=lessons.check,
        installed=installed,
        trained=trained,
        checkpoints=run.checkpoints,
        asked=asked,
        sample=_sampler(pair, _questions(run, recipe, encoder, sheet.context)),
        publish=_publisher(run, recipe, pair, trained),
    )
    return session, lessons


def _number_format(recipe: Recipe, written: Plan | None, device: str) -> str:
    """As the person said; else as written, since a measurement may come out otherwise today."""
    if written is not None and recipe.training.precision == "auto":
        return written.dtype
    return plans.number_format(recipe, device)


def _agree(
    run: RunFolder, written: Plan | None, plan: Plan, lessons: Lessons, *, trained: Trained
) -> Plan:
    """The plan to obey: the written one, or else this one, written now with the lessons."""
    if written is not None:
        plans.require_same(written, plan)
        return written
    require_space(run.path, disk_needed(trained.master.numel()))
    lessons.save(run.path / TOKENS)
    run.write_plan(plan)
    return plan


def _publisher(
    run: RunFolder, recipe: Recipe, pair: Pair, trained: Trained
) -> Callable[[int], None]:
    def publish(step: int) -> None:
        values = trained.values()
        write_result(run.tuned, recipe, pair.installed, values=values, step=step)

    return publish


def _sampler(pair: Pair, questions: tuple[str, ...]) -> Sampler:
    sampling = Sampling(max_new_tokens=SAMPLE_LENGTH)

    def answer(question: str) -> str:
        *_, last = pair.stream([Message("user", question)], sampling, lanes=(TUNED,))
        return str(last["answers"][TUNED]["text"])

    return lambda: [(question, answer(question)) for question in questions]


def _questions(run: RunFolder, recipe: Recipe, encoder: Encoder, context: int) -> tuple[str, ...]:
    """The recipe's own, or those of the first check rows: never of rows that are trained on.

    Raises UserMistake for one of the recipe's that cannot be asked of this model.
    """

    def fits(question: str) -> bool:
        try:
            length = len(encoder.prompt([Message("user", question)]))
        except StudioError:
            return False
        return not context or length + SAMPLE_LENGTH <= context

    if not recipe.training.sample_every:
        return ()
    for question in recipe.questions:
        if not fits(question):
            raise UserMistake("run.question_unfit", question=question[:60])
    return recipe.questions or tuple(islice(filter(fits, _check_questions(run)), _QUESTIONS))


def _check_questions(run: RunFolder) -> Iterator[str]:
    return (row.body.prompt for row in run.rows() if row.split is Split.CHECK and row.body.prompt)

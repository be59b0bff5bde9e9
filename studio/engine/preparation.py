"""A run made ready to train: base loaded, rows encoded, sites installed, plan decided or obeyed.

What can be refused is refused here, before the first update. Knows no process.
"""

from collections.abc import Callable
from pathlib import Path

from studio.core.costs import disk_needed
from studio.core.course import Course
from studio.core.plan import Plan
from studio.core.recipe import Recipe
from studio.engine import machine, plans
from studio.engine.answering import Pair
from studio.engine.bases import require_same_base
from studio.engine.encoding import Encoder
from studio.engine.interruption import Interrupted
from studio.engine.lanes import TUNED
from studio.engine.lessons import TOKENS, Lessons
from studio.engine.loading import eos_ids, load_model, load_tokenizer
from studio.engine.loop import Asked, Session
from studio.engine.results import write_result
from studio.engine.samples import sampler_of
from studio.engine.sheet_reader import read_sheet
from studio.engine.sites import install
from studio.engine.space import require_space
from studio.engine.trained import Trained
from studio.methods import method_of, read_values
from studio.methods.quantisation import quantisation_of
from studio.methods.sites import virtual_ids
from studio.store.run_folder import RunFolder


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
    method = method_of(recipe.method)
    values = read_values(method, recipe.knobs)
    model = load_model(folder, dtype=dtype, device=device, quantisation=quantisation_of(values))
    tokenizer, sheet = load_tokenizer(folder), read_sheet(folder)
    heed()
    encoder = Encoder(tokenizer, eos_ids=eos_ids(model))
    sites = method.sites(sheet, values)
    if written is None:
        longest = plans.row_length(recipe, sheet, virtual=len(virtual_ids(sites)))
        lessons = Lessons.encode(run.rows(), encoder, longest, progress=heed)
    else:
        lessons = Lessons.load(run.path / TOKENS)
    installed = install(model, sites, recipe.training.seed, encoder.spell)
    taught = lessons.behind(installed.virtual)
    plan = plans.decide(
        recipe,
        sheet,
        taught,
        model=model,
        template_hash=encoder.template_hash,
        path=written.path if written else None,
    )
    trained = Trained(installed.parameters)
    plan = _agree(run, written, plan, lessons, trained=trained)
    pair = Pair(installed, encoder, tokenizer, changed={TUNED: {}})
    room = sheet.context and sheet.context - len(installed.virtual)
    session = Session(
        training=recipe.training,
        plan=plan,
        course=Course.of(recipe.training, len(lessons.train)),
        train=taught.train,
        check=taught.check,
        installed=installed,
        trained=trained,
        checkpoints=run.checkpoints,
        asked=asked,
        sample=sampler_of(run, recipe, pair, room),
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

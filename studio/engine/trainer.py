"""The trainer process: one run from its folder, to its end or to the next pause.

Called by the keeper with the run folder's path. It says everything in the run's events; its exit
code is 0 for finished, paused and stopped, else that of the error (DESIGN: 1 mistake or refusal,
3 our fault, 4 the run failed).
"""

import os
import signal
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch

from studio.core.course import Course
from studio.core.errors import Fault, Refusal, StudioError
from studio.core.events import Ended, Event, Resumed, Started, Waiting
from studio.core.plan import Plan
from studio.core.recipe import Recipe
from studio.core.rows import Message
from studio.engine import machine, plans
from studio.engine.answering import Pair
from studio.engine.encoding import Encoder
from studio.engine.identity import identity
from studio.engine.lanes import TUNED, Sampling
from studio.engine.lessons import TOKENS, Lessons
from studio.engine.loading import eos_ids, load_model, load_tokenizer
from studio.engine.loop import DISK_PATIENCE, Session, train
from studio.engine.results import write_result
from studio.engine.save_points import restore
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import install
from studio.engine.space import require_space
from studio.engine.trained import Trained
from studio.methods import method_of, read_values
from studio.store.run_folder import EventLog, Request, RunFolder

SAMPLE_LENGTH = 64
"""Word pieces of an answer that is given while training goes on."""

HASHES = "hashes.json"
"""Where a registered model keeps the hashes of its files."""

_QUESTIONS = 3


def main(path: str) -> int:
    """Train the run in the folder ``path``; returns the exit code."""
    run = RunFolder(Path(path))
    _pause_on_terminate(run)
    with run.open_log() as log:
        try:
            for event in _events(run):
                _write(log, event)
                run.beat()
        except StudioError as error:
            _end(run, log, error)
            return error.exit_code
        except (MemoryError, torch.OutOfMemoryError) as error:
            peak = machine.peak_memory(machine.device())
            return _end(run, log, Refusal("run.no_memory", peak_bytes=peak), error)
        except Exception as error:
            return _end(run, log, Fault("run.broke", problem=_last_line(error)), error)
        return 0


def _last_line(error: Exception) -> str:
    return traceback.format_exception_only(error)[-1].strip()[:300]


def _end(run: RunFolder, log: EventLog, said: StudioError, cause: Exception | None = None) -> int:
    """Write down how it failed; what we did not foresee goes to the log as well."""
    if cause is not None:
        traceback.print_exception(cause)
    _write(log, Ended("failed", run.state().step, said.as_json()))
    return said.exit_code


def _pause_on_terminate(run: RunFolder) -> None:
    if os.name == "posix":
        signal.signal(signal.SIGTERM, lambda *_: run.ask("pause"))


def _write(log: EventLog, event: Event) -> None:
    """Append ``event``; on a full disk wait for room, since nothing may be lost."""
    while True:
        try:
            log.append(event, durable=not isinstance(event, Waiting))
            return
        except Refusal as refusal:
            if refusal.key != "disk.full":
                raise
            time.sleep(DISK_PATIENCE)


def _events(run: RunFolder) -> Iterator[Event]:
    """Everything that the run says, from its preparation to its end."""
    recipe, said = run.recipe(), run.state()
    session, lessons = _prepare(run, recipe)
    checkpoint = run.checkpoints.latest()
    after = 0
    if checkpoint is not None:
        restore(checkpoint, session.trained)
        after = checkpoint.step
    if said.start:
        yield Resumed(after, lost=max(0, said.step - after))
    else:
        yield Started(
            run=run.id,
            total=session.plan.total,
            rows=len(lessons.train),
            check_rows=len(lessons.check),
            left_out=lessons.left_out,
            cut_rows=lessons.cut,
            trainable=session.trained.master.numel(),
        )
    yield from train(session, after=after)


def _prepare(run: RunFolder, recipe: Recipe) -> tuple[Session, Lessons]:
    """Load the base, put the method's sites in, encode or read back the rows, decide or obey.

    The first attempt decides and writes the plan; every later one must obey it.
    """
    written = run.plan()
    require_same_base(run, recipe)
    device = machine.device()
    folder = Path(recipe.base.folder)
    dtype = written.dtype if written else plans.number_format(recipe, device)
    machine.use_threads()
    model, tokenizer = load_model(folder, dtype=dtype, device=device), load_tokenizer(folder)
    encoder = Encoder(tokenizer, eos_ids=eos_ids(model))
    sheet = sheet_of(model)
    lessons = (
        Lessons.load(run.path / TOKENS)
        if written
        else Lessons.encode(run.rows(), encoder, plans.max_length(recipe, sheet))
    )
    plan = plans.decide(recipe, sheet, lessons, model=model, template_hash=encoder.template_hash)
    method = method_of(recipe.method)
    sites = method.sites(sheet, read_values(method, recipe.knobs))
    installed = install(model, sites, recipe.training.seed)
    trained = Trained(installed.parameters)
    if written is None:
        require_space(run.path, plans.disk_needed(trained.master.numel()))
        lessons.save(run.path / TOKENS)
        run.write_plan(plan)
    else:
        plans.require_same(written, plan)
    pair = Pair(installed, encoder, tokenizer, changed={TUNED: {}})
    return _session(
        run, recipe, written or plan, lessons=lessons, pair=pair, trained=trained
    ), lessons


def _session(
    run: RunFolder, recipe: Recipe, plan: Plan, *, lessons: Lessons, pair: Pair, trained: Trained
) -> Session:
    questions = recipe.questions or _questions(run, lessons)

    def asked() -> Request | None:
        run.beat()
        return run.asked()

    def sample() -> list[tuple[str, str]]:
        return [(question, _answer(pair, question)) for question in questions]

    def publish(step: int) -> None:
        values = trained.values()
        write_result(run.tuned, recipe, pair.installed.sites, values=values, step=step)

    return Session(
        training=recipe.training,
        plan=plan,
        course=Course.of(recipe.training, len(lessons.train)),
        train=lessons.train,
        check=lessons.check,
        installed=pair.installed,
        trained=trained,
        checkpoints=run.checkpoints,
        asked=asked,
        sample=sample,
        publish=publish,
    )


def _questions(run: RunFolder, lessons: Lessons) -> tuple[str, ...]:
    """The questions of the first check rows: never of rows that are trained on."""
    chosen = {lesson.row for lesson in lessons.check[:_QUESTIONS]}
    return tuple(row.body.prompt for row in run.rows() if row.id in chosen)


def _answer(pair: Pair, question: str) -> str:
    sampling = Sampling(max_new_tokens=SAMPLE_LENGTH)
    *_, last = pair.stream([Message("user", question)], sampling, lanes=(TUNED,))
    return str(last["answers"][TUNED]["text"])


def require_same_base(run: RunFolder, recipe: Recipe) -> None:
    """Raise Refusal ``models.changed`` unless the base is what it was when the run began."""
    folder = Path(recipe.base.folder)
    kept = run.path.parents[1] / "models" / recipe.base.id
    cache = kept / HASHES if kept.is_dir() else None
    if identity(folder, cache=cache)["hash"] != recipe.base.hash:
        raise Refusal("models.changed", folder=str(folder))

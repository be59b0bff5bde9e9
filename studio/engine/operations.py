"""What the engine can be asked: each operation a generator of events whose return is the result.

Arguments and results are JSON. Long ones report progress as events and end early, by
:class:`Cancelled`, once nobody wants the answer any more.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from studio.core.errors import StudioError, UserMistake
from studio.core.rows import Body, Message
from studio.engine import gguf, hub, looking, machine, plans, starter
from studio.engine.answering import Pair
from studio.engine.configuration import context_of
from studio.engine.encoding import Encoded, Encoder
from studio.engine.export import export_run
from studio.engine.lanes import Sampling
from studio.engine.lessons import lesson_of
from studio.engine.loading import load_tokenizer
from studio.engine.model_folder import ModelFacts, check, inspect
from studio.engine.opening import Learned, Loaded
from studio.engine.progress import Progress, Report
from studio.engine.sheet_reader import cached_sheet

Json = dict[str, Any]
Unwanted = Callable[[], bool]
Answer = Generator[Json, None, Any]

_T = TypeVar("_T")


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


@dataclass(slots=True)
class Bench:
    """What the engine keeps between requests: the base and the tokenizer that were used last."""

    loaded: Loaded = field(default_factory=Loaded)
    reading: tuple[Path, int, Encoder] | None = None

    def encoder(self, folder: Path) -> Encoder:
        """The encoder of the model in ``folder``, read unless it is at hand and still the same."""
        stamp = max((file.stat().st_mtime_ns for file in folder.glob("*")), default=0)
        if self.reading is None or self.reading[:2] != (folder, stamp):
            self.reading = None
            self.reading = (folder, stamp, Encoder(load_tokenizer(folder)))
        return self.reading[2]


def add_starter(_: Bench, unwanted: Unwanted, *, target: str) -> Answer:
    """Convert the packaged starter into the new folder ``target``, unless it is there."""
    folder = Path(target)
    if not folder.is_dir():
        yield from _reporting(unwanted, lambda r: starter.convert_starter(folder, report=r))


def add_gguf(_: Bench, unwanted: Unwanted, *, file: str, target: str) -> Answer:
    """Unpack any GGUF file into the new folder ``target``, unless it is there."""
    folder = Path(target)
    if not folder.is_dir():
        yield from _reporting(unwanted, lambda r: gguf.convert(Path(file), folder, report=r))


def add_hub(
    _: Bench, unwanted: Unwanted, *, hub_id: str, target: str, endpoint: str = ""
) -> Answer:
    """Download ``owner/name`` into the new folder ``target``, unless it is there.

    ``endpoint`` is the hub to ask, the usual one if empty.
    """
    folder = Path(target)
    if not folder.is_dir():
        yield from _reporting(
            unwanted,
            lambda r: hub.download(hub_id, folder, endpoint=endpoint, report=r, cancel=unwanted),
        )


def look_hub(_: Bench, __: Unwanted, *, hub_id: str, sheets: str, endpoint: str = "") -> Answer:
    """What ``owner/name`` is, without its weights; ``sheets`` keeps its sheet."""
    yield from ()
    return looking.look_at_hub(hub_id, Path(sheets), endpoint=endpoint).as_json()


def look_gguf(_: Bench, __: Unwanted, *, file: str) -> Answer:
    """What a GGUF file holds, from its head."""
    yield from ()
    return looking.look_at_gguf(Path(file)).as_json()


def inspect_folder(
    _: Bench, unwanted: Unwanted, *, folder: str, hashes: str, sheets: str
) -> Answer:
    """The facts of the model in ``folder``.

    The file ``hashes`` keeps those of its files, the folder ``sheets`` keeps its sheet.
    """
    place = Path(folder)
    check(place)
    cached_sheet(place, Path(sheets))
    facts: ModelFacts = yield from _reporting(
        unwanted, lambda r: inspect(place, hash_cache=Path(hashes), report=r)
    )
    return facts.as_json()


def _reporting(unwanted: Unwanted, work: Callable[[Report], _T]) -> Generator[Json, None, _T]:
    """Do ``work`` in a thread and give its progress as events; returns and raises as it does."""
    told: SimpleQueue[Progress | Future[_T]] = SimpleQueue()

    def report(progress: Progress) -> None:
        if unwanted():
            raise Cancelled
        told.put(progress)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work, report).add_done_callback(told.put)
        while isinstance(item := told.get(), Progress):
            yield {"progress": asdict(item)}
    return item.result()


def machine_facts(_: Bench, __: Unwanted) -> Answer:
    """What torch finds on this machine."""
    yield from ()
    device = machine.device()
    return {
        "device": device,
        "precision": machine.number_format(device),
        "threads": machine.use_threads(),
        "instructions": machine.instructions(),
        "memory_bytes": machine.memory(device),
    }


def sheet(_: Bench, __: Unwanted, *, folder: str, cache: str) -> Answer:
    """The sheet of the configuration in ``folder``, kept in the folder ``cache``."""
    yield from ()
    return cached_sheet(Path(folder), Path(cache)).as_json()


def tokens(
    bench: Bench,
    _: Unwanted,
    *,
    folder: str,
    cache: str,
    rows: Sequence[Json],
    max_length: int | None = None,
) -> Answer:
    """For each of ``rows`` ({"row", "body"}) its word pieces with their roles.

    A row that a run with this ``max_length`` leaves out has none that is trained, and the
    ``reason``, an error as JSON. ``cache`` keeps sheets.
    """
    place = Path(folder)
    encoder = bench.encoder(place)
    limit = plans.longest_row(max_length, cached_sheet(place, Path(cache)).context)
    bodies = [Body.from_json(row["body"]) for row in rows]
    answers = encoder.encode_all(bodies, max_length=limit)
    for row, body, answer in zip(rows, bodies, answers, strict=True):
        lesson = lesson_of(row["row"], body, answer, limit)
        yield {"row": row["row"]} | _as_trained(encoder, answer, lesson)


def _as_trained(encoder: Encoder, answer: Encoded | StudioError, lesson: object) -> Json:
    """The word pieces of a row, none of them trained where it is no lesson."""
    reason = {"reason": lesson.as_json()} if isinstance(lesson, StudioError) else {}
    if isinstance(answer, StudioError):
        return {"tokens": [], "trained": 0, "stop_trained": False} | reason
    if reason:
        answer = replace(answer, labelled=(False,) * len(answer.ids), stop_trained=False)
    shown = {"tokens": encoder.pieces(answer), "trained": answer.trained}
    return shown | {"stop_trained": answer.stop_trained} | reason


def measure(
    bench: Bench,
    _: Unwanted,
    *,
    folder: str,
    cache: str,
    rows: Sequence[Json],
    max_length: int | None = None,
    virtual: int = 0,
) -> Answer:
    """What a run makes of ``rows``, as in :func:`tokens`, in numbers; ``virtual`` ones go before.

    ``{"tokens": {row: how many}, "cut": [row], "left_out": {row: reason}}``.
    """
    place = Path(folder)
    encoder = bench.encoder(place)
    limit = plans.longest_row(max_length, cached_sheet(place, Path(cache)).context) - virtual
    bodies = [Body.from_json(row["body"]) for row in rows]
    found: Json = {"tokens": {}, "cut": [], "left_out": {}}
    yield from ()
    answers = encoder.encode_all(bodies, max_length=limit)
    for row, body, answer in zip(rows, bodies, answers, strict=True):
        lesson = lesson_of(row["row"], body, answer, limit)
        if isinstance(lesson, StudioError):
            found["left_out"][row["row"]] = lesson.as_json()
            continue
        assert isinstance(answer, Encoded)
        found["tokens"][row["row"]] = len(lesson.ids)
        found["cut"] += [row["row"]] if answer.cut_ids else []
    return found


def count(bench: Bench, _: Unwanted, *, folder: str, texts: Sequence[str]) -> Answer:
    """How many word pieces each of ``texts`` makes by itself, with no template around it."""
    yield from ()
    return bench.encoder(Path(folder)).count(texts)


def compare(
    bench: Bench,
    unwanted: Unwanted,
    *,
    run: str,
    prompt: str,
    system: str,
    sampling: Json,
    step: int | None = None,
) -> Answer:
    """Both lanes' answers to ``prompt``, from the run's result or its save point ``step``.

    ``{"stage"}`` where another begins (loading, answering, proving), ``{"lane", …}`` as the answers
    grow, then the comparison. Raises UserMistake ``compare.long_prompt`` where the model can take
    in no more than it.
    """
    learned = Learned.of(Path(run), step)
    if not bench.loaded.has_base_of(learned):
        yield {"stage": "loading"}
    pair = bench.loaded.open(learned).pair
    head = [Message("system", system)] if system else []
    messages = [*head, Message("user", prompt)]
    drawn = _fitting(pair, messages, Sampling(**sampling))
    yield {"stage": "answering"}
    answers: Json = {}
    for event in pair.stream(messages, drawn):
        if unwanted():
            raise Cancelled
        if "answers" in event:
            answers = event["answers"]
        else:
            yield event
    yield {"stage": "proving"}
    return {"prompt": prompt} | answers | {"base_proved": pair.base_proved(messages)}


def _fitting(pair: Pair, messages: Sequence[Message], sampling: Sampling) -> Sampling:
    """``sampling`` with no longer an answer than the model can take in after ``messages``."""
    context = context_of(pair.installed.model.config)
    length = len(pair.installed.virtual) + len(pair.encoder.prompt(messages))
    if not context:
        return sampling
    if length >= context:
        raise UserMistake("compare.long_prompt", length=length, limit=context)
    return replace(sampling, max_new_tokens=min(sampling.max_new_tokens, context - length))


def export(bench: Bench, __: Unwanted, *, run: str, form: str, target: str) -> Answer:
    """Write the run's result into the new folder ``target`` as ``adapter`` or ``merged``."""
    yield from ()
    export_run(bench.loaded.open(Learned.of(Path(run))), form, Path(target))
    return {"folder": target, "form": form}


OPERATIONS: dict[str, Callable[..., Answer]] = {
    operation.__name__: operation
    for operation in (
        add_starter,
        add_gguf,
        add_hub,
        look_hub,
        look_gguf,
        inspect_folder,
        machine_facts,
        sheet,
        tokens,
        measure,
        count,
        compare,
        export,
    )
}

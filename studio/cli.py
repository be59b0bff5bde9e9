"""The command line: each command a function that calls one workbench service.

With ``--json`` standard output holds JSON and nothing else; what people read while they wait goes
to standard error. Exit codes: 0 done, 1 a mistake or refusal, 2 wrong usage, 3 our fault, 4 the
run failed, 130 interrupted.
"""

import json
import os
import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Self

from studio.arguments import Commands, argument
from studio.core.errors import Fault, StudioError, UserMistake, from_json
from studio.core.words import LANGUAGES, words
from studio.printing import Printer
from studio.web import password
from studio.web.serving import Wish, serve
from studio.workbench import Workbench
from studio.workbench.doctor import diagnose
from studio.workbench.orders import Order

INTERRUPTED = 130

command = Commands(
    "studio",
    "Teach a language model with your own questions and answers, on your own machine.",
    {"model": "Base models.", "data": "Datasets and their rows.", "run": "Training runs."},
)
MODEL = argument("--model", required=True, metavar="ID|FOLDER|HUB_ID")
DATASET = argument("--dataset", required=True, metavar="NAME")
KNOBS = (
    argument("--set", action="append", default=[], metavar="KNOB=VALUE"),
    argument("--train-set", action="append", default=[], metavar="KNOB=VALUE"),
)
DETACH = argument("--detach", action="store_true", help="leave once the run has started")


def main(
    argv: Sequence[str] | None = None,
    open_bench: Callable[[Path | None], Workbench] = Workbench.open,
) -> int:
    """Run one command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    given = command.read(None if argv is None else list(argv))
    out = Printer(words(given.lang or LANGUAGES[0]), as_json=given.json)
    try:
        with open_bench(given.data_dir) as bench:
            given.act(bench, given, out)
        return 0
    except StudioError as error:
        out.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # nobody reads any more, nor may the interpreter's own last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        out.error(Fault("cli.broke"))
        return Fault.exit_code


@command(
    "ui",
    argument("--host", default="127.0.0.1", help="another one than this needs a password"),
    argument("--port", type=int, metavar="N", help="else 7860, or a free one near it"),
    argument("--no-browser", action="store_true", help="only print the address"),
    argument("--offline", action="store_true", help="never reach for a model hub"),
)
def ui(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Open the page in the browser; Ctrl-C ends it, and trainings go on."""

    def ask_password() -> str:
        out.note("web.plain")
        return password.choose(out.sentence("web.ask_password"), os.environ)

    wish = Wish(
        host=given.host,
        port=given.port,
        language=given.lang,
        opens_browser=not given.no_browser,
        is_offline=given.offline,
        ask_password=ask_password,
    )
    serve(bench.data, wish, lambda how, address: out.note(f"web.{how}", address=address))


@command("doctor")
def doctor(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Print a diagnosis that can be shared: no rows, no names."""
    out.table(diagnose(bench, out.explain))


@command("model add", argument("source", metavar="starter|FOLDER|HUB_ID|FILE.gguf"))
def model_add(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Make a base model known."""
    out.view("model", bench.models.add(given.source, told=out.progress))


@command("model list")
def model_list(bench: Workbench, given: Namespace, out: Printer) -> None:
    """List the known base models."""
    out.lines("model", bench.models.list())


@command("model show", argument("model"))
def model_show(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Show one base model."""
    out.view("model", bench.models.show(given.model))


@command(
    "data import",
    argument("file", type=Path),
    DATASET,
    argument("--map", action="append", default=[], metavar="FIELD=COLUMN"),
)
def data_import(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Append a file's rows to a dataset."""
    mapping = dict(_pair(item, "map") for item in given.map)
    out.imported(bench.rows.import_file(given.file, given.dataset, mapping=mapping))


@command(
    "data export",
    argument("name"),
    argument("file", type=Path),
    argument("--format", default="", help="else the file's ending decides"),
)
def data_export(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Write a dataset to a file."""
    out.view("written", bench.rows.export_file(given.name, given.file, format=given.format))


@command("data list")
def data_list(bench: Workbench, given: Namespace, out: Printer) -> None:
    """List the datasets."""
    out.lines("dataset", bench.rows.all())


@command("data show", argument("name"))
def data_show(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Show a dataset's counts."""
    out.view("dataset", bench.rows.show(given.name))


@command("data versions", argument("name"))
def data_versions(bench: Workbench, given: Namespace, out: Printer) -> None:
    """List a dataset's versions."""
    out.lines("version", bench.rows.versions_of(given.name))


@command(
    "cost",
    MODEL,
    argument("--method", required=True),
    argument("--dataset", metavar="NAME"),
    *KNOBS,
)
def cost(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Count what a method would train."""
    if given.dataset:
        bench.rows.show(given.dataset)
    knobs, training = _settings(given.set, "set"), _settings(given.train_set, "train-set")
    counted = bench.methods.cost(given.model, given.method, knobs, training)
    out.view("cost", counted.as_json())


@command(
    "tokens",
    MODEL,
    DATASET,
    argument("--row", metavar="ID"),
    argument("--max-length", type=int, help="as the run will have it; else the usual one"),
)
def tokens(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Show what the model would learn of each row."""
    shown = bench.rows.tokens(
        given.model, given.dataset, row=given.row, max_length=given.max_length
    )
    for row in shown:
        out.tokens(row)


@command(
    "train",
    argument("--model", default="", metavar="ID|FOLDER|HUB_ID"),
    argument("--dataset", default="", metavar="NAME"),
    argument("--method", default=""),
    *KNOBS,
    argument("--recipe", type=Path, metavar="FILE", help="what no other option says stands here"),
    argument("--name", default=""),
    DETACH,
)
def train(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Start a run and follow it; Ctrl-C pauses it."""
    wanted = Order(
        model=given.model,
        dataset=given.dataset,
        method=given.method,
        knobs=_settings(given.set, "set"),
        training=_settings(given.train_set, "train-set"),
        name=given.name,
    )
    order = Order.from_recipe(_read(given.recipe)) if given.recipe else Order()
    ready = bench.orders.read(order.changed(wanted), told=out.progress)
    out.left_out(ready.unready)
    with _Interrupts() as interrupts:
        run = bench.runs.begin(ready)
        with out.started(run):
            _follow(bench, run, out, interrupts, detach=given.detach)


@command("run list")
def run_list(bench: Workbench, given: Namespace, out: Printer) -> None:
    """List the runs."""
    out.lines("run", bench.runs.list())


@command("run show", argument("run"))
def run_show(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Show everything about a run."""
    out.run(bench.runs.show(given.run))


@command("run pause", argument("run"))
def run_pause(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Pause a run and give its memory back."""
    out.view("ended", bench.runs.pause(given.run))


@command("run stop", argument("run"))
def run_stop(bench: Workbench, given: Namespace, out: Printer) -> None:
    """End a run and keep what it has learned."""
    out.view("ended", bench.runs.stop(given.run))


@command("run resume", argument("run"), DETACH)
def run_resume(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Go on with a run from its last save point."""
    run = bench.runs.find(given.run)
    seen = bench.runs.last_seq(run)
    with _Interrupts() as interrupts:
        bench.runs.resume(run)
        out.begun(run)
        _follow(bench, run, out, interrupts, after=seen, detach=given.detach)


@command(
    "run export",
    argument("run"),
    argument("--as", dest="form", default="", metavar="adapter|merged"),
    argument("--to", type=Path, metavar="DIR"),
)
def run_export(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Write a run's result into a folder."""
    out.exported(bench.runs.export(given.run, form=given.form, to=given.to))


@command(
    "compare",
    argument("--run", required=True),
    argument("--prompt", required=True),
    argument("--system", default=""),
    argument("--save-point", type=int, metavar="UPDATE"),
    argument("--max-new-tokens", type=int),
    argument("--temperature", type=float),
    argument("--seed", type=int),
)
def compare(bench: Workbench, given: Namespace, out: Printer) -> None:
    """Ask base and tuned the same question."""
    named = ("max_new_tokens", "temperature", "seed")
    sampling = {name: getattr(given, name) for name in named}
    asked = {"system": given.system, "sampling": sampling, "step": given.save_point}
    for event in bench.compare.stream(given.run, given.prompt, **asked):
        if "comparison" in event:
            out.comparison(event["comparison"])


class _Interrupts:
    """Counts Ctrl-C, where it would tear a run that is just starting: it asks for a pause."""

    def __init__(self) -> None:
        self.count, self._heeded = 0, 0

    def __enter__(self) -> Self:
        self._usual = signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._usual)

    def _hear(self, *_: object) -> None:
        self.count += 1

    def heed(self, pause: Callable[[], None]) -> None:
        """Ask for a ``pause`` at the first; the second leaves without waiting for it."""
        if self.count > 1:
            raise KeyboardInterrupt
        if self.count > self._heeded:
            self._heeded = self.count
            with suppress(StudioError):  # it has just ended
                pause()


def _follow(
    bench: Workbench,
    run: str,
    out: Printer,
    interrupts: _Interrupts,
    *,
    after: int = 0,
    detach: bool,
) -> None:
    """Print a run's events until it ends, or until it has started if we are to ``detach``.

    Raises what the run failed by, and KeyboardInterrupt if it was paused by one.
    """

    def pause() -> None:
        out.note("cli.pausing")
        bench.runs.ask_to_pause(run)

    last: Mapping[str, Any] = {}
    for last in bench.runs.follow(run, after=after, heed=lambda: interrupts.heed(pause)):
        out.event(last)
        if detach and not interrupts.count and last["event"] in ("start", "resume"):
            return
    if last.get("event") == "refused":
        raise from_json(last["reason"])
    if last.get("event") != "end":
        raise bench.runs.loss(run)
    if last["status"] == "failed":
        raise from_json(last["reason"])
    if last["status"] == "paused" and interrupts.count:
        raise KeyboardInterrupt


def _settings(items: Sequence[str], option: str) -> dict[str, Any]:
    """``knob=value`` pairs; a value is JSON where it parses, else text."""
    settings: dict[str, Any] = {}
    for item in items:
        name, text = _pair(item, option)
        try:
            settings[name] = json.loads(text)
        except (ValueError, RecursionError):
            settings[name] = text
    return settings


def _pair(item: str, option: str) -> tuple[str, str]:
    name, found, value = item.partition("=")
    if not found:
        raise UserMistake("cli.not_a_pair", item=item, option=option)
    return name.strip(), value


def _read(recipe: Path) -> object:
    try:
        return json.loads(recipe.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserMistake("recipe.unreadable", file=str(recipe), problem=str(error)) from error

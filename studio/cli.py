"""The command line: each command a function that calls one workbench service.

With ``--json`` standard output holds JSON and nothing else; what people read while they wait goes
to standard error. Exit codes: 0 done, 1 a mistake or refusal, 2 wrong usage, 3 our fault, 4 the
run failed, 130 interrupted.
"""

import argparse
import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.core.errors import Fault, RunFailed, StudioError, UserMistake, from_json
from studio.core.words import LANGUAGES, words
from studio.printing import Printer
from studio.workbench import Workbench
from studio.workbench.doctor import diagnose
from studio.workbench.runs import Order

INTERRUPTED = 130

Command = Callable[[Workbench, argparse.Namespace, Printer], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(argv)
    say = words(given.lang)
    out = Printer(say, as_json=given.json)
    try:
        with Workbench.open(given.data_dir) as bench:
            command: Command = given.command
            return command(bench, given, out)
    except StudioError as error:
        out.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except Exception:
        traceback.print_exc()
        out.error(Fault("cli.broke"))
        return 3


def doctor(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Print a diagnosis that can be shared: no rows, no names."""
    out.value(diagnose(bench))
    return 0


def model_add(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Make a base model known."""
    out.value(bench.models.add(given.source, told=out.progress))
    return 0


def model_list(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """List the known base models."""
    out.value(bench.models.list())
    return 0


def model_show(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Show one base model."""
    out.value(bench.models.show(given.model))
    return 0


def data_import(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Append a file's rows to a dataset."""
    mapping = dict(_pair(item, "map") for item in given.map)
    found = bench.rows.import_file(given.file, given.dataset, mapping=mapping)
    for skip in found["skipped"]:
        skip["reason"] = out.words.explain(from_json(skip["reason"]))
    out.value(found)
    return 0


def data_export(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Write a dataset to a file."""
    out.value(bench.rows.export_file(given.name, given.file, format=given.format))
    return 0


def data_list(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """List the datasets."""
    out.value(bench.rows.all())
    return 0


def data_show(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Show a dataset's counts."""
    out.value(bench.rows.show(given.name))
    return 0


def data_versions(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """List a dataset's versions."""
    out.value(bench.rows.versions_of(given.name))
    return 0


def cost(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Count what a method would train."""
    knobs, training = _settings(given.set), _settings(given.train_set)
    if given.dataset:
        bench.rows.show(given.dataset)
    out.value(bench.methods.cost(given.model, given.method, knobs, training).as_json())
    return 0


def tokens(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Show what the model would learn of each row."""
    for row in bench.rows.tokens(given.model, given.dataset, row=given.row):
        if "error" in row:
            row["error"] = out.words.explain(from_json(row["error"]))
        out.tokens(row)
    return 0


def train(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Start a run and follow it."""
    recipe = _recipe(given.recipe)
    order = Order(
        model=given.model or str(recipe.get("model", "")),
        dataset=given.dataset or str(recipe.get("dataset", "")),
        method=given.method or str(recipe.get("method", "")),
        knobs=recipe.get("knobs", {}) | _settings(given.set),
        training=recipe.get("training", {}) | _settings(given.train_set),
        name=given.name or str(recipe.get("name", "")),
        questions=tuple(recipe.get("questions", ())),
    )
    missing = [name for name in ("model", "dataset", "method") if not getattr(order, name)]
    if missing:
        raise UserMistake("recipe.missing", fields=", ".join(missing))
    run = bench.runs.start(order, told=out.progress)
    return _follow(bench, run, 0, given.detach, out)


def run_list(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """List the runs."""
    out.value(bench.runs.list())
    return 0


def run_show(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Show everything about a run."""
    shown = bench.runs.show(given.run)
    out.value(shown | {"reason": out.reason(shown["reason"])})
    return 0


def run_pause(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Pause a run and give its memory back."""
    out.value(bench.runs.request(given.run, "pause"))
    return 0


def run_stop(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """End a run and keep what it has learned."""
    out.value(bench.runs.request(given.run, "stop"))
    return 0


def run_resume(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Go on with a run from its last save point."""
    run = bench.runs.find(given.run)
    seen = bench.runs.last_seq(run)
    return _follow(bench, bench.runs.resume(run), seen, given.detach, out)


def run_export(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Write a run's result into a folder."""
    out.value(bench.runs.export(given.run, form=given.form, to=given.to))
    return 0


def compare(bench: Workbench, given: argparse.Namespace, out: Printer) -> int:
    """Ask base and tuned the same question."""
    named = ("max_new_tokens", "temperature", "seed")
    sampling = {name: getattr(given, name) for name in named if getattr(given, name) is not None}
    events = bench.compare.stream(given.run, given.prompt, system=given.system, sampling=sampling)
    for event in events:
        if "comparison" in event:
            out.comparison(event["comparison"])
        else:
            out.lane(event)
    return 0


def _follow(bench: Workbench, run: str, seen: int, detach: bool, out: Printer) -> int:
    """Print a run's events until it ends; an interruption pauses it, whoever else watches."""
    last: Mapping[str, Any] = {}
    paused = False
    events: Iterator[Mapping[str, Any]] = bench.runs.follow(run, after=seen)
    while True:
        try:
            for event in events:
                last, seen = event, event["seq"]
                out.event(event)
                if detach and event["event"] in ("start", "resume", "end"):
                    return _exit_code(event)
            break
        except KeyboardInterrupt:
            paused = True
            out.note("cli.pausing")
            with suppress(StudioError):
                bench.runs.ask(run, "pause")
            events = bench.runs.follow(run, after=seen)
    if last.get("event") != "end":
        raise RunFailed("run.lost", run=run)
    return INTERRUPTED if paused else _exit_code(last)


def _exit_code(event: Mapping[str, Any]) -> int:
    if event["event"] != "end" or event["status"] != "failed":
        return 0
    return from_json(event["reason"]).exit_code


def _settings(items: Sequence[str]) -> dict[str, Any]:
    """``knob=value`` pairs; a value is JSON where it parses, else text."""
    settings: dict[str, Any] = {}
    for item in items:
        name, text = _pair(item, "set")
        try:
            settings[name] = json.loads(text)
        except ValueError:
            settings[name] = text
    return settings


def _pair(item: str, option: str) -> tuple[str, str]:
    name, found, value = item.partition("=")
    if not found:
        raise UserMistake("cli.not_a_pair", item=item, option=option)
    return name.strip(), value


def _recipe(path: Path | None) -> dict[str, Any]:
    """The recipe file, or nothing; ``run show``'s ``recipe`` is one too."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserMistake("recipe.unreadable", file=str(path), problem=str(error)) from error
    if not isinstance(found, dict):
        raise UserMistake("recipe.shape", problem=type(found).__name__)
    named = {"model": found.get("base"), "dataset": found.get("rows")}
    nested = {key: value for key, value in named.items() if isinstance(value, dict)}
    plain = {
        "model": nested.get("model", {}).get("id"),
        "dataset": nested.get("dataset", {}).get("name"),
    }
    return {key: value for key, value in plain.items() if value} | found


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data-dir", type=Path, default=None, metavar="DIR")
    common.add_argument("--json", action="store_true")
    common.add_argument("--lang", choices=LANGUAGES, default="en")
    parser = argparse.ArgumentParser(prog="studio", description=(__doc__ or "").splitlines()[0])
    parser.set_defaults(**vars(common.parse_args([])))
    groups = parser.add_subparsers(required=True, metavar="COMMAND")

    def leaf(
        under: Any, name: str, command: Command, *arguments: tuple[tuple[str, ...], dict[str, Any]]
    ) -> None:
        """Add the command ``name`` with its arguments."""
        text = (command.__doc__ or "").splitlines()[0]
        made = under.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(command=command)
        for flags, how in arguments:
            made.add_argument(*flags, **how)

    def group(name: str, text: str) -> Any:
        made = groups.add_parser(name, help=text, description=text)
        return made.add_subparsers(required=True, metavar="COMMAND")

    def arg(*flags: str, **how: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
        return flags, how

    knobs = (
        arg("--set", action="append", default=[], metavar="KNOB=VALUE"),
        arg("--train-set", action="append", default=[], metavar="KNOB=VALUE"),
    )
    leaf(groups, "doctor", doctor)
    models = group("model", "Base models.")
    leaf(models, "add", model_add, arg("source", metavar="starter|FOLDER|HUB_ID|FILE.gguf"))
    leaf(models, "list", model_list)
    leaf(models, "show", model_show, arg("model"))
    data = group("data", "Datasets and their rows.")
    leaf(
        data,
        "import",
        data_import,
        arg("file", type=Path),
        arg("--dataset", required=True),
        arg("--map", action="append", default=[], metavar="FIELD=COLUMN"),
    )
    leaf(
        data,
        "export",
        data_export,
        arg("name"),
        arg("file", type=Path),
        arg("--format", default=""),
    )
    leaf(data, "list", data_list)
    leaf(data, "show", data_show, arg("name"))
    leaf(data, "versions", data_versions, arg("name"))
    leaf(
        groups,
        "cost",
        cost,
        arg("--model", required=True),
        arg("--method", required=True),
        arg("--dataset"),
        *knobs,
    )
    leaf(
        groups,
        "tokens",
        tokens,
        arg("--model", required=True),
        arg("--dataset", required=True),
        arg("--row"),
    )
    leaf(
        groups,
        "train",
        train,
        arg("--model"),
        arg("--dataset"),
        arg("--method"),
        *knobs,
        arg("--recipe", type=Path),
        arg("--name", default=""),
        arg("--detach", action="store_true"),
    )
    runs = group("run", "Training runs.")
    leaf(runs, "list", run_list)
    for name, command in (("show", run_show), ("pause", run_pause), ("stop", run_stop)):
        leaf(runs, name, command, arg("run"))
    leaf(runs, "resume", run_resume, arg("run"), arg("--detach", action="store_true"))
    leaf(
        runs,
        "export",
        run_export,
        arg("run"),
        arg("--as", dest="form", default="", metavar="adapter|merged"),
        arg("--to", type=Path, metavar="DIR"),
    )
    leaf(
        groups,
        "compare",
        compare,
        arg("--run", required=True),
        arg("--prompt", required=True),
        arg("--system", default=""),
        arg("--max-new-tokens", type=int),
        arg("--temperature", type=float),
        arg("--seed", type=int),
    )
    return parser

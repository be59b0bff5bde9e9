"""Training runs: beginning, watching, pausing, resuming, ending and exporting them."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from studio.core.errors import Fault, Refusal, from_json
from studio.methods import method_of
from studio.store.atomic import discard
from studio.store.run_folder import RunFolder
from studio.store.runs import RunEntry
from studio.workbench.orders import Order, Ready
from studio.workbench.run_book import ENDED, Json, RunBook

STANDING = ("paused", "failed", "interrupted")
"""Without a process, and able to go on."""

SAMPLE_SHARE = 0.1
"""The most of a run's time that goes to the questions that it is asked while it learns."""

_TICK = 0.1


class RunService(RunBook):
    """The runs of a data folder: what can be done with them, and what is known of them."""

    __slots__ = ()

    def start(
        self,
        *,
        model: str,
        dataset: str,
        method: str,
        knobs: Mapping[str, object] | None = None,
        training: Mapping[str, object] | None = None,
        name: str = "",
        questions: Sequence[str] = (),
    ) -> str:
        """Read an order and begin it; returns the run's id.

        Unless ``training`` says otherwise the run is asked questions as it learns, as often as a
        tenth of its time allows: ``questions``, or those of the first check rows.
        """
        asked = {"sample_every": None, "sample_share": SAMPLE_SHARE} | dict(training or {})
        if asked["sample_every"] is None:  # as often as its share of the time allows
            asked["sample_every"] = 1
        given = tuple(question.strip() for question in questions if question.strip())
        order = Order(model, dataset, method, knobs or {}, asked, name, given)
        return self.begin(self.orders.read(order))

    def begin(self, ready: Ready) -> str:
        """Start to train and return the run's id; its trainer lives on by itself.

        What raises leaves no run behind: Refusal ``lease.busy``, Fault ``run.not_started``.
        """
        run = RunFolder.create(self.data.runs / _new_id(), ready.recipe, ready.rows)
        try:
            self.index.add(_entry(run.id, ready), [row.id for row in ready.rows])
            self._train(run)
        except BaseException as error:
            self.index.remove(run.id)
            self._keep_log(run, error)
            discard(run.path)
            raise
        return run.id

    def resume(self, wanted: str) -> str:
        """Go on with a run that is not running, from its last save point; returns its id.

        What can only be refused once the model is loaded is said in the run's events; it leaves
        the run as it was.
        """
        entry = self.index.get(wanted)
        run = self._folder(entry.id)
        is_ending = self._status(run) in ENDED  # its process may go on for a moment
        if self.trainers.status(run).is_living and not (is_ending and self._is_over(run)):
            raise Refusal("run.already_running", run=run.id)
        if run.state().status == "finished":
            raise Refusal("run.finished", run=run.id)
        if entry.erased:
            raise Refusal("run.rows_erased", run=run.id, rows=entry.erased)
        self._train(run)
        return run.id

    def ask_to_pause(self, wanted: str) -> None:
        """Ask for a pause without waiting for it. Raises Refusal ``run.not_running``."""
        self.trainers.request(self._folder(self.index.get(wanted).id), "pause")

    def ask_to_stop(self, wanted: str) -> None:
        """Ask a run to end and to keep what it has learned, without waiting for it.

        One that stands still is loaded once more for that. Raises Refusal ``run.not_running`` for
        one that has its result.
        """
        run = self._folder(self.index.get(wanted).id)
        if self._status(run) in STANDING:
            self.resume(run.id)
        self.trainers.request(run, "stop")

    def pause(self, wanted: str) -> Json:
        """Pause a run and wait until its memory is given back; returns it, briefly.

        Raises Refusal ``run.not_running``, ``run.slow_to_pause`` if it is still at it.
        """
        run = self._folder(self.index.get(wanted).id)
        seen = run.state().seq
        self.trainers.request(run, "pause")
        if not self._is_over(run):
            raise Refusal("run.slow_to_pause", run=run.id, seconds=self.patience)
        return self._ended(run, seen)

    def stop(self, wanted: str) -> Json:
        """End a run and make what it has learned its result; returns it, briefly.

        A run that stands still is loaded once more for that. One that does not hear is ended by
        force. Raises Refusal ``run.not_running`` for a run that has its result.
        """
        run = self._folder(self.index.get(wanted).id)
        seen = run.state().seq
        if self._status(run) in STANDING:
            self.resume(run.id)
        self.trainers.stop(run, self.patience)
        return self._ended(run, seen)

    def follow(
        self, run_id: str, *, after: int = 0, heed: Callable[[], None] = lambda: None
    ) -> Iterator[Json]:
        """The run's events with ``seq`` above ``after``, as they come, until its process ends.

        ``heed`` is called while nothing comes, some times a second.
        """
        run = self._folder(run_id)
        log = run.reader()
        while True:
            is_living = self.trainers.status(run).is_living
            yield from (event for event in log.read() if event["seq"] > after)
            if not is_living:
                return
            heed()
            time.sleep(_TICK)

    def export(self, wanted: str, *, form: str = "", to: Path | None = None) -> Json:
        """Write a run's result into a new folder; ``form`` is ``adapter`` or ``merged``."""
        entry = self.index.get(wanted)
        form = form or ("adapter" if method_of(entry.method).adapter else "merged")
        target = (to or self.data.exports / f"{entry.id}-{form}").expanduser().resolve()
        with self.engine.device("export"):
            run = self._folder(entry.id).path
            exported: Json = self.engine.call("export", run=str(run), form=form, target=str(target))
        return {"run": entry.id} | exported

    def _train(self, run: RunFolder) -> None:
        """Start the trainer; the engine's memory is given back to it.

        Raises Refusal ``lease.busy`` before an engine that answers somebody would be closed.
        """
        self.engine.device("start").release()
        self.orders.measures.stop()
        self.engine.close()
        self.trainers.start(run)

    def _keep_log(self, run: RunFolder, error: BaseException) -> None:
        """Save the log of a start that failed from going with the run's folder."""
        if isinstance(error, Fault) and "log" in error.facts:
            kept = self.data.root / "not-started.log"
            with suppress(FileNotFoundError):
                run.log_path.replace(kept)
                error.facts["log"] = str(kept)

    def _is_over(self, run: RunFolder) -> bool:
        """Whether the run's process is gone, or goes while we wait for it."""
        deadline = time.monotonic() + self.patience
        while is_living := self.trainers.status(run).is_living:
            if time.monotonic() > deadline:
                break
            time.sleep(_TICK)
        return not is_living

    def _ended(self, run: RunFolder, seen: int) -> Json:
        """The run, briefly, if it has said after its event ``seen`` how it ended."""
        for event in run.events():
            if event["seq"] > seen and event["event"] == "refused":
                raise from_json(event["reason"])
        brief = self._brief(self.index.get(run.id))
        if brief["status"] == "interrupted":
            raise self.loss(run.id)
        return brief


def _entry(run_id: str, ready: Ready) -> RunEntry:
    recipe = ready.recipe
    rows = recipe.rows
    return RunEntry(run_id, recipe.name, rows.dataset, rows.version, recipe.base.id, recipe.method)


def _new_id() -> str:
    return f"{datetime.now(UTC):%y%m%d-%H%M%S}-{secrets.token_hex(3)}"

"""How the command line speaks: JSON for programs, plain lines for people. Knows no service.

Sentences for people stand in the catalogues: ``cli.line.*`` for one of many, ``cli.view.*`` for
one alone, ``cli.event.*`` for what a run says.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from studio.core.errors import StudioError, from_json
from studio.core.words import Words

Json = Mapping[str, Any]

_MARKS = {"context": "{}", "trained": "[{}]", "cut": "~{}~"}
_NAMED = 10
"""Rows that are named at most where many are left out."""


class Printer:
    """Prints results to standard output, and what happens meanwhile to standard error."""

    def __init__(self, say: Words, *, as_json: bool) -> None:
        self._words, self._as_json = say, as_json
        self._shown: tuple[str, int] | None = None
        self._has_warned = False
        self._awaited = ""

    def lines(self, kind: str, items: Sequence[Json]) -> None:
        """Many of a kind, a line each."""
        if self._as_json:
            return _print(items)
        for item in items:
            self._say(f"cli.line.{kind}", **self._facts(item))
        if not items:
            self.note("cli.none")

    def view(self, kind: str, item: Json) -> None:
        """One alone."""
        if self._as_json:
            return _print(item)
        self._say(f"cli.view.{kind}", **self._facts(item))

    def table(self, item: Json) -> None:
        """Facts under their own names, in any language."""
        if self._as_json:
            return _print(item)
        for name, fact in self._facts(item).items():
            print(f"{name}: {fact}")

    def imported(self, found: Json) -> None:
        """What an import took in, and why it skipped what it skipped."""
        skipped = [skip | {"reason": self._reason(skip["reason"])} for skip in found["skipped"]]
        if self._as_json:
            return _print({**found, "skipped": skipped})
        self._say("cli.view.imported", **self._facts({**found, "skips": len(skipped)}))
        for field, counts in found["unknown"].items():
            words = ", ".join(f"{word} ({count:,})" for word, count in counts.items())
            self._say(f"cli.unknown.{field}", column=found["mapping"][field], words=words)
        for skip in skipped:
            self._say("cli.line.skipped", **skip)

    def run(self, shown: Json) -> None:
        """Everything about a run."""
        reason = self._reason(shown["reason"])
        if self._as_json:
            return _print({**shown, "reason": reason})
        curves = shown["curves"]
        ends = {
            "first": curves["loss"][:1],
            "last": curves["loss"][-1:],
            "check": curves["check_loss"][-1:],
        }
        self._say("cli.view.run", **self._facts(shown), **self._facts(ends))
        if reason is not None:
            print(reason)

    def exported(self, item: Json) -> None:
        """Where a result was written, with the warning that it must carry."""
        self.view("exported", item)
        if not self._as_json:
            self._say("safety")

    def event(self, event: Json) -> None:
        """One event of a run. What a run failed by is said as an error, not here."""
        rows = [{**row, "reason": self._reason(row["reason"])} for row in event.get("left_out", ())]
        told = {**event, "left_out": rows} if rows else dict(event)
        if "reason" in event:
            told["reason"] = self._reason(event["reason"])
        if self._as_json:
            self._lead(event["event"])
            return _print(told)
        self._tell(told)

    def _tell(self, event: dict[str, Any]) -> None:
        if event["event"] == "step":
            event["speed"] = event["tokens"] / max(event["seconds"], 1e-9)
            event["gigabytes"] = event["memory_bytes"] / 1e9
        if event["event"] == "end":
            event["reason"] = "" if event["status"] == "failed" else event["reason"] or ""
            event["status"] = self._words.say(f"status.{event['status']}")
        if event["event"] == "sample" and not self._has_warned:
            self._has_warned = True
            self._say("safety")
        self._say(f"cli.event.{event['event']}", **event)
        if event.get("cut_rows"):
            self._say("cli.cut_rows", count=event["cut_rows"])
        for row in event.get("left_out", ())[:_NAMED]:
            self._say("cli.line.left_out", **row)
        if (more := len(event.get("left_out", ())) - _NAMED) > 0:
            self._say("cli.more_left_out", count=more)

    def tokens(self, row: Json) -> None:
        """A row's word pieces: what is trained in brackets, what is cut in waves."""
        reason = self._reason(row.get("reason"))
        if self._as_json:
            return _print(row if reason is None else {**row, "reason": reason})
        marked = (_MARKS[piece["role"]].format(piece["text"]) for piece in row["tokens"])
        shown = (row["row"], reason, "".join(marked))
        print("\n".join(filter(None, shown)), end="\n\n", flush=True)

    def comparison(self, comparison: Json) -> None:
        """Both answers, with the warning that they must carry."""
        if self._as_json:
            return _print(comparison)
        for lane in ("base", "tuned"):
            self._say(f"lane.{lane}")
            print(f"{comparison[lane]['text']}\n")
        held = comparison.get("quantisation", "")
        proof = "base_proved_copy" if held else "base_proved"
        self._say(f"cli.{proof if comparison['base_proved'] else 'base_not_proved'}", held=held)
        if comparison["tuned_step"] != comparison["step"]:
            self._say("cli.older_result", **comparison)
        self._say("safety")

    def left_out(self, unready: Mapping[str, int]) -> None:
        """How many rows do not train because of their status."""
        if unready:
            self.note(
                "cli.unready", draft=unready.get("draft", 0), flagged=unready.get("flagged", 0)
            )

    @contextmanager
    def started(self, run: str) -> Iterator[None]:
        """A block that tells of a run that is being prepared, which may take a while.

        For programs a line that names the run comes first, whatever becomes of the run: its own
        ``start``, or one in the place of it where the run never came to say it.
        """
        self.begun(run)
        self._awaited = run
        try:
            yield
        finally:
            if self._as_json:
                self._lead("")

    def _lead(self, word: str) -> None:
        if self._awaited and word != "start":
            _print({"event": "start", "run": self._awaited, "seq": 0, "attempt": 1})
        self._awaited = ""

    def begun(self, run: str) -> None:
        """That a run is being prepared, which may take a while."""
        if not self._as_json:
            self.note("cli.begun", run=run)

    def sentence(self, key: str) -> str:
        """A sentence as it is spoken here, for whoever asks in a terminal."""
        return self._words.say(key)

    def note(self, key: str, **facts: Any) -> None:
        """A remark for people."""
        print(self._words.say(key, **facts), file=sys.stderr, flush=True)

    def error(self, error: StudioError) -> None:
        """One sentence in one line: cause, consequence, remedy."""
        print(self.explain(error), file=sys.stderr, flush=True)

    def explain(self, error: StudioError) -> str:
        """The sentence of an error, in one line."""
        return " ".join(self._words.explain(error).split())

    def progress(self, progress: Json) -> None:
        """How far something long is: one line that is written over, or one for each tenth."""
        share = 100 * progress["done"] // max(1, progress["total"])
        on_screen = sys.stderr.isatty()
        now = (progress["step"], share if on_screen else share // 10)
        if now != self._shown:
            self._shown = now
            step = self._words.say(f"progress.{progress['step']}")
            end = "\r" if on_screen and share < 100 else "\n"
            print(f"{step}: {share:3d} %", end=end, file=sys.stderr, flush=True)

    def _say(self, key: str, **facts: Any) -> None:
        print(self._words.say(key, **facts).rstrip(), flush=True)

    def _reason(self, reason: Json | None) -> str | None:
        """The sentence of an error that came as JSON."""
        return None if reason is None else self._words.explain(from_json(reason))

    def _facts(self, item: Json) -> dict[str, str]:
        """What stands in ``item`` as words, parts of parts under joined names."""
        facts: dict[str, str] = {}
        for name, fact in item.items():
            if isinstance(fact, Mapping):
                parts = self._facts(fact).items()
                facts |= {f"{name}_{part}": text for part, text in parts}
            else:
                facts[name] = _text(name, fact)
        if isinstance(status := item.get("status"), str):
            facts["status"] = self._words.say(f"status.{status}")
        return facts


def _text(name: str, fact: object) -> str:
    """A fact for people; its name says what a number counts."""
    match fact:
        case None:
            return "–"
        case bool():
            return "✓" if fact else "✗"
        case int() if name == "bytes" or name.endswith("_bytes"):
            return f"{fact / 1e6:,.1f} MB"
        case int():
            return str(fact) if name == "pid" else f"{fact:,}"
        case float() if name == "at":
            return f"{datetime.fromtimestamp(fact):%Y-%m-%d %H:%M}"
        case float():
            return f"{fact:.4g}"
        case list() | tuple():
            return ", ".join(_text(name, part) for part in fact) or "–"
    return str(fact)


def _print(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)

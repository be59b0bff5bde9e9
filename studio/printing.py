"""How the command line speaks: JSON for programs, plain lines for people. Knows no service."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from studio.core.errors import StudioError, from_json
from studio.core.words import Words

Json = Mapping[str, Any]
_MARKS = {"context": "{}", "trained": "[{}]", "cut": "~{}~"}


class Printer:
    """Prints results to standard output, and what happens meanwhile to standard error."""

    def __init__(self, say: Words, *, as_json: bool) -> None:
        self.words = say
        self._as_json = as_json
        self._shown: tuple[str, int] | None = None

    def value(self, value: Any) -> None:
        """One result."""
        if self._as_json:
            _line(value)
        elif isinstance(value, list):
            for item in value:
                print("  ".join(str(part) for part in item.values()))
        else:
            self._table(value)

    def error(self, error: StudioError) -> None:
        """One sentence: cause, consequence, remedy."""
        print(self.words.explain(error), file=sys.stderr)

    def note(self, key: str, **facts: Any) -> None:
        """A remark for people."""
        print(self.words.say(key, **facts), file=sys.stderr)

    def progress(self, progress: Json) -> None:
        """How far something long is: one line that is written over, or one for each tenth."""
        share = 100 * progress["done"] // max(1, progress["total"])
        on_screen = sys.stderr.isatty()
        now = (progress["step"], share if on_screen else share // 10)
        if now != self._shown:
            self._shown = now
            step = self.words.say(f"progress.{progress['step']}")
            end = "\r" if on_screen and share < 100 else "\n"
            print(f"{step}: {share:3d} %", end=end, file=sys.stderr, flush=True)

    def event(self, event: Json) -> None:
        """One event of a run."""
        if self._as_json:
            _line(
                dict(event)
                | ({"reason": self.reason(event["reason"])} if "reason" in event else {})
            )
            return
        shown = dict(event) | {"reason": self.reason(event.get("reason")) or ""}
        if event["event"] == "step":
            shown["speed"] = event["tokens"] / max(event["seconds"], 1e-9)
            shown["gigabytes"] = event["memory_bytes"] / 1e9
        print(self.words.say(f"cli.event.{event['event']}", **shown), flush=True)

    def reason(self, reason: Json | None) -> str | None:
        """The sentence of an error in an event."""
        return None if reason is None else self.words.explain(from_json(reason))

    def tokens(self, row: Json) -> None:
        """A row's word pieces: what is trained in brackets, what is cut in waves."""
        if self._as_json or "error" in row:
            _line(row) if self._as_json else print(f"{row['row']}: {row['error']}")
            return
        pieces = "".join(_MARKS[p["role"]].format(p["text"]) for p in row["tokens"])
        print(f"{row['row']}\n{pieces}\n")

    def lane(self, event: Json) -> None:
        """A new piece of an answer; people read the whole ones at the end."""

    def comparison(self, comparison: Json) -> None:
        """Both answers, with the warning that they must carry."""
        if self._as_json:
            _line(comparison)
            return
        for lane in ("base", "tuned"):
            print(f"{self.words.say(f'lane.{lane}')}\n{comparison[lane]['text']}\n")
        proved = "cli.base_proved" if comparison["base_proved"] else "cli.base_not_proved"
        print(self.words.say(proved))
        print(self.words.say("safety"))

    def _table(self, value: Json) -> None:
        for name, item in value.items():
            shown = json.dumps(item, ensure_ascii=False) if isinstance(item, (dict, list)) else item
            print(f"{name}: {shown}")


def _line(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, separators=(",", ":")), flush=True)

"""The one next step that the page holds out, from what the workbench says. Pure."""

from typing import Any

Json = dict[str, Any]

MANY = 20
"""Reviewed rows from which on training shows something; fewer are allowed."""


BROKEN_OFF = ("paused", "interrupted")
"""What becomes of runs that can go on."""


def next_step(status: Json) -> Json:
    """``{"key", "place", "facts", "then"}``: the first thing of the loop that is still to be done.

    ``status`` is :meth:`studio.workbench.Workbench.status`; ``key`` names a sentence under
    ``page.bar``; ``then`` is the step for who is at that place already, or None.
    """
    run, dataset = status["run"], status["dataset"]
    if run is not None:
        return _watch(run)
    if status["model"] is None:
        return _step("choose_model", "model")
    if dataset is None or dataset["rows"] == 0:
        return _step("bring_rows", "data")
    ready, drafts = (dataset["status"].get(name, 0) for name in ("ready", "draft"))
    if drafts:
        return _step("review", "data", drafts=drafts)
    if ready < MANY:
        return _step("more_rows", "data", ready=ready)
    return _after_rows(status["latest"], ready)


def _after_rows(latest: Json | None, ready: int) -> Json:
    """What follows once there are rows, by what became of the run that was begun last."""
    if latest is not None and latest["status"] in BROKEN_OFF:
        return _step("resume", "train")
    if latest is not None and latest["tuned"]:
        return _step("compare", "compare")
    return _step("method", "method") | {"then": _step("train", "train", ready=ready)}


def _watch(run: Json) -> Json:
    if not run["total"]:
        return _step("watch_begin", "train")
    return _step("watch", "train", step=run["step"], total=run["total"])


def _step(key: str, place: str, **facts: int) -> Json:
    return {"key": f"next_{key}", "place": place, "facts": facts, "then": None}

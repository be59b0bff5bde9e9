"""Costs as the command line prints them."""

from studio.core.costs import Cost


def test_a_cost_has_every_key_and_null_for_what_is_not_estimated_yet() -> None:
    parts = ("weights", "gradients", "optimizer", "activations", "loss", "overhead", "peak")
    assert Cost(trainable=25, total=100, disk_bytes=400, counted_in_seconds=0.5).as_json() == {
        "trainable": 25,
        "total": 100,
        "share": 0.25,
        "memory_bytes": dict.fromkeys(parts),
        "step_seconds": None,
        "run_seconds": None,
        "disk_bytes": 400,
        "counted_in_seconds": 0.5,
    }

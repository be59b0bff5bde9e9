"""Costs as the command line prints them."""

from studio.core.costs import Cost, disk_needed


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


def test_room_is_asked_for_save_points_and_the_result() -> None:
    """Three save points of values and two moments, and the values once more; a little over it."""
    exact = 1_000_000 * 4 * (3 * 3 + 1)
    assert exact < disk_needed(1_000_000) < 1.05 * exact

"""A run's base model: whether it is still the one that it began with, and how it is held.

Knows hashes, no weights.
"""

from pathlib import Path

from studio.core.errors import Refusal
from studio.core.recipe import Recipe
from studio.engine.identity import identity
from studio.engine.progress import Report, unheard
from studio.methods import method_of, read_values
from studio.methods.quantisation import Quantisation, quantisation_of
from studio.store.data_folder import DataFolder
from studio.store.run_folder import RunFolder


def require_same_base(run: RunFolder, recipe: Recipe, *, report: Report = unheard) -> None:
    """Raise Refusal ``models.changed`` unless the base is what it was when the run began."""
    folder = Path(recipe.base.folder)
    kept = DataFolder(run.path.parents[1]).hashes_of(folder)
    cache = kept if kept.parent.is_dir() else None
    if identity(folder, cache=cache, report=report)["hash"] != recipe.base.hash:
        raise Refusal("models.changed", folder=str(folder))


def quantisation_in(recipe: Recipe) -> Quantisation | None:
    """In what form a run of ``recipe`` holds its base; None is that of the plan's numbers."""
    return quantisation_of(read_values(method_of(recipe.method), recipe.knobs))

"""What each tuning method would cost on a model, before anything is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass

from studio.core.costs import Cost
from studio.core.recipe import Training
from studio.methods import cost_of, method_of, read_values
from studio.workbench.models import ModelService


@dataclass(frozen=True, slots=True)
class MethodService:
    """Counts and costs."""

    models: ModelService

    def cost(
        self,
        model: str,
        method: str,
        knobs: Mapping[str, object],
        training: Mapping[str, object] | None = None,
    ) -> Cost:
        """The exact counts of ``method`` with ``knobs`` on ``model``; raises for bad knobs."""
        chosen = method_of(method)
        values = read_values(chosen, knobs)
        Training.read(training or {})
        return cost_of(self.models.sheet(model), chosen, values)

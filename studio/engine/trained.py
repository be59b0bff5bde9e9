"""The tensors that learn: fp32 masters in one flat buffer, working copies where compute is bf16.

One buffer means one fused AdamW call over all tensors, one norm, and files in which every tensor
is a named view. A bf16 AdamW update would leave most weights unchanged at small learning rates,
so masters and moments are always fp32.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8
MOMENTS = ("exp_avg", "exp_avg_sq")


class Trained:
    """Masters, gradients and AdamW (Loshchilov and Hutter, 2019) of ``parameters``.

    ``master`` and ``gradient`` are flat fp32 tensors. Where a parameter is fp32 itself it becomes
    a view of them; else its gradient is added to the buffer by :meth:`gather` after each
    micro-batch, and it is refreshed from its master after each update.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self.parameters = dict(parameters)
        first = next(iter(self.parameters.values()))
        size = sum(p.numel() for p in self.parameters.values())
        self.master = torch.empty(size, dtype=torch.float32, device=first.device)
        self.gradient = torch.zeros_like(self.master)
        self._masters = self._views(self.master)
        self._gradients = self._views(self.gradient)
        for name, parameter in self.parameters.items():
            self._masters[name].copy_(parameter.data)
            if parameter.dtype == torch.float32:
                parameter.data = self._masters[name]
                parameter.grad = self._gradients[name]
        self.master.grad = self.gradient
        self.optimizer = torch.optim.AdamW(
            [self.master], lr=0.0, betas=BETAS, eps=EPSILON, weight_decay=0.0, fused=True
        )
        state = {"step": torch.zeros((), device=first.device)}
        moments = {moment: torch.zeros_like(self.master) for moment in MOMENTS}
        self.optimizer.state[self.master] = state | moments

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        sizes = [parameter.numel() for parameter in self.parameters.values()]
        shaped = zip(self.parameters.items(), flat.split(sizes), strict=True)
        return {name: part.view(parameter.shape) for (name, parameter), part in shaped}

    def gather(self) -> None:
        """Add the working copies' gradients of one micro-batch to the fp32 buffer."""
        for name, parameter in self.parameters.items():
            if parameter.dtype != torch.float32 and parameter.grad is not None:
                self._gradients[name].add_(parameter.grad)
                parameter.grad = None

    def clear(self) -> None:
        """Forget the gradients."""
        self.gradient.zero_()
        for parameter in self.parameters.values():
            if parameter.dtype != torch.float32:
                parameter.grad = None

    def norm(self) -> float:
        """Euclidean norm of the whole gradient."""
        return float(torch.linalg.vector_norm(self.gradient))

    def update(self, rate: float, *, shrink: float = 1.0) -> None:
        """One AdamW update at learning rate ``rate``, the gradient times ``shrink`` before it."""
        if shrink != 1.0:
            self.gradient.mul_(shrink)
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.refresh()

    def refresh(self) -> None:
        """Bring the working copies to their masters."""
        for name, parameter in self.parameters.items():
            if parameter.dtype != torch.float32:
                parameter.data.copy_(self._masters[name])

    def values(self) -> dict[str, Tensor]:
        """The trained tensors in fp32, by name."""
        return dict(self._masters)

    def gradients(self) -> dict[str, Tensor]:
        """The gathered gradients in fp32, by name."""
        return dict(self._gradients)

    def moments(self) -> dict[str, Tensor]:
        """AdamW's moments in fp32, as ``<moment>/<name>``."""
        state = self.optimizer.state[self.master]
        return {
            f"{moment}/{name}": view
            for moment in MOMENTS
            for name, view in self._views(state[moment]).items()
        }

    def restore(
        self, step: int, values: Mapping[str, Tensor], moments: Mapping[str, Tensor]
    ) -> None:
        """Take over what an earlier process saved after ``step`` updates."""
        for name, view in self._masters.items():
            view.copy_(values[name])
        for name, view in self.moments().items():
            view.copy_(moments[name])
        self.optimizer.state[self.master]["step"].fill_(step)
        self.refresh()

    @property
    def step(self) -> int:
        """Updates done."""
        return int(self.optimizer.state[self.master]["step"])

    def finite(self) -> bool:
        """Whether every trained value is a number."""
        return bool(torch.isfinite(self.master).all())

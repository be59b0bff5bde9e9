"""The trained tensors and their moments as files of a save point, and back.

Nothing else is saved: which rows come next, every random stream and the learning rate follow
from the recipe and the number of the update.
"""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.engine.space import require_space
from studio.engine.trained import Trained
from studio.store.checkpoints import Checkpoint, Checkpoints

VALUES, MOMENTS = "trained.safetensors", "moments.safetensors"


def save(checkpoints: Checkpoints, trained: Trained, step: int) -> None:
    """Make the save point of ``step``; raises Refusal ``disk.full`` with the old ones intact."""
    values, moments = trained.values(), trained.moments()
    needed = sum(tensor.nbytes for tensor in (*values.values(), *moments.values()))
    require_space(checkpoints.path.parent, needed)
    with checkpoints.writing(step) as folder:
        save_file(values, folder / VALUES)
        save_file(moments, folder / MOMENTS)


def restore(checkpoint: Checkpoint, trained: Trained) -> None:
    """Bring ``trained`` to where it was after ``checkpoint.step`` updates."""
    values = read_values(checkpoint.path)
    moments = load_file(checkpoint.path / MOMENTS)
    trained.restore(checkpoint.step, values=values, moments=moments)


def read_values(folder: Path) -> dict[str, Tensor]:
    """The trained tensors of the save point in ``folder``, in fp32 by their stable names."""
    return load_file(folder / VALUES)

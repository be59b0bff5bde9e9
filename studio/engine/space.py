"""Room on the disk, asked for before long work rather than missed at its end."""

import shutil
from pathlib import Path

from studio.core.errors import Refusal


def require_space(folder: Path, needed: int) -> None:
    """Raise Refusal ``disk.full`` unless ``needed`` bytes are free where ``folder`` stands."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Refusal("disk.full", path=folder.name, needed=needed, free=free)

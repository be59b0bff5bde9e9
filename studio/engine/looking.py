"""What a model is before it is fetched or unpacked: from its configuration, never from a weight."""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from studio.core.sheets import Sheet
from studio.engine import gguf, hub
from studio.engine.configuration import read_config
from studio.engine.gguf_head import config_of, metadata_of, naming, require_file, shape_of
from studio.engine.sheet_reader import cached_sheet
from studio.engine.silence import silence


@dataclass(frozen=True, slots=True)
class Look:
    """A model from afar.

    ``bytes`` is what is fetched or read, ``disk_bytes`` what it will take on this disk; what cannot
    be known yet is None.
    """

    architecture: str
    parameters: int
    layers: int
    context: int
    chat_template: bool | None
    licence: str | None
    bytes: int
    disk_bytes: int

    def as_json(self) -> dict[str, Any]:
        """The look as JSON."""
        return asdict(self)


def look_at_hub(hub_id: str, sheets: Path, *, endpoint: str | None = None) -> Look:
    """A model on a hub, from its list of files and its ``config.json``.

    ``sheets`` keeps its sheet. Raises what :func:`studio.engine.hub.download` would.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        described = hub.describe(hub_id, folder, endpoint=endpoint)
        sheet = cached_sheet(folder, sheets)
        layers = getattr(read_config(folder), "num_hidden_layers", 0)
    return _look(
        sheet,
        layers=layers,
        chat_template=described.chat_template,
        licence=described.licence,
        bytes=described.bytes,
        disk_bytes=described.bytes,
    )


def look_at_gguf(path: Path) -> Look:
    """A GGUF file, from its head; raises what :func:`studio.engine.gguf.convert` would."""
    silence()
    require_file(path)
    with naming(path):
        metadata, config = metadata_of(path), config_of(path)
        sheet = shape_of(config)
    width = 4 if sheet.total * 4 <= gguf.LARGE else 2
    return _look(
        sheet,
        layers=getattr(config, "num_hidden_layers", 0),
        chat_template=bool(metadata.get("tokenizer.chat_template")),
        licence=metadata.get("general.license"),
        bytes=path.stat().st_size,
        disk_bytes=sheet.total * width,
    )


def _look(sheet: Sheet, **facts: Any) -> Look:
    return Look(sheet.architecture, sheet.total, context=sheet.context, **facts)

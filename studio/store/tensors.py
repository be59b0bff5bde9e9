"""The tensors of a result as one hash, read from safetensors files by the standard library alone.

Two results are the same exactly if their hashes are: file names, the order inside a file and
notes do not count. Knows no numbers, only their bytes.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from studio.core.errors import Fault

_CHUNK = 1 << 22
_LENGTH = 8
_HEADER_LIMIT = 100_000_000
_NOTES = "__metadata__"


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where a tensor's bytes lie: from ``start`` to ``end`` of the file ``path``."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    path: Path
    start: int
    end: int


def tuned_sha256(folder: Path) -> str | None:
    """SHA-256 (64 hex digits) over the tensors of all ``*.safetensors`` in ``folder``.

    For each tensor, in the order of the names' code points: one line of JSON in ASCII,
    ``["name", "dtype", [sizes]]`` as ``json.dumps`` writes it, with the dtype's name as in
    safetensors' header (``F32``, ``BF16``, ...), a newline, then the values' bytes in row-major
    order, little-endian. None where there is no tensor file. Raises Fault ``result.damaged``
    naming a file that is not whole.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return None
    digest = hashlib.sha256()
    tensors = [tensor for file in files for tensor in _tensors(file)]
    for tensor in sorted(tensors, key=lambda tensor: tensor.name):
        line = json.dumps([tensor.name, tensor.dtype, list(tensor.shape)])
        digest.update(line.encode("ascii") + b"\n")
        for chunk in _bytes(tensor):
            digest.update(chunk)
    return digest.hexdigest()


def _tensors(path: Path) -> list[_Tensor]:
    try:
        with open(path, "rb") as file:
            return list(_read_header(path, file))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Fault("result.damaged", file=path.name) from error


def _read_header(path: Path, file: BinaryIO) -> Iterator[_Tensor]:
    """The header: its length in 8 bytes, little-endian, then JSON; offsets count from its end."""
    length = int.from_bytes(file.read(_LENGTH), "little")
    if length > _HEADER_LIMIT:
        raise ValueError("no safetensors file")
    header = json.loads(file.read(length))
    first, size = _LENGTH + length, path.stat().st_size
    for name, facts in header.items():
        if name == _NOTES:
            continue
        start, end = (first + offset for offset in facts["data_offsets"])
        if not first <= start <= end <= size:
            raise ValueError("cut off")
        yield _Tensor(name, facts["dtype"], tuple(facts["shape"]), path, start, end)


def _bytes(tensor: _Tensor) -> Iterator[bytes]:
    with open(tensor.path, "rb") as file:
        file.seek(tensor.start)
        left = tensor.end - tensor.start
        while left:
            chunk = file.read(min(left, _CHUNK))
            if not chunk:
                raise Fault("result.damaged", file=tensor.path.name)
            left -= len(chunk)
            yield chunk

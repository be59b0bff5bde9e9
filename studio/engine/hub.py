"""A model from a model hub, by its id: only what is needed, checked to the byte, all or nothing.

Works against anything that speaks the Hub's two addresses, ``/api/models`` and ``/resolve``. The
token comes from the variable HF_TOKEN and goes to the hub alone, never into a log or a file.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from studio import __version__
from studio.core.errors import Refusal, UserMistake
from studio.engine.configuration import CONFIG, read_config
from studio.engine.identity import SOURCE
from studio.engine.model_files import (
    INDEX,
    READ,
    TEMPLATES,
    VOCABULARIES,
    is_terms,
    shard_names,
    weight_map,
    weights_name,
)
from studio.engine.model_folder import check
from studio.engine.progress import Cancel, Progress, Report, unheard, wanted
from studio.engine.space import require_space
from studio.engine.transfer import Remote, Transfer, refuse_status
from studio.store.atomic import ensure_folder, publishing, write_json

ENDPOINT = "https://huggingface.co"
_ID = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9][\w.\-]{0,95}", re.ASCII)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TOLD = 1 << 20
_OFTEN = 0.5
"""Bytes and seconds after which progress is told again; on a slow line it is the time."""

_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)


def is_hub_id(text: str) -> bool:
    """Whether ``text`` has the form ``owner/name`` of a model on a hub."""
    return _ID.fullmatch(text) is not None and ".." not in text and "--" not in text


def download(
    hub_id: str,
    target: Path,
    *,
    endpoint: str | None = None,
    report: Report = unheard,
    cancel: Cancel = wanted,
    wait: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch the model ``hub_id`` (``owner/name``) into the new folder ``target`` and return it.

    ``endpoint`` is the variable HF_ENDPOINT where it is None. What has arrived when this fails
    stays beside ``target``, and the next call for the same state of the model goes on with it.
    Raises UserMistake for an id that is none or names nothing, for a model without safetensors and
    for one that transformers has not built in; Refusal where the hub, the line or the disk fails.
    """
    base = _base(hub_id, endpoint)
    if target.exists():
        raise UserMistake("models.already_there", folder=target.name)
    with _client(base) as client:
        listing = _list(client, base, hub_id)
        arriving = _arriving_folder(target, listing.commit)
        remotes = _wanted(listing, Transfer(client, lambda _: None, cancel, wait), arriving)
        total = sum(remote.size for remote in remotes)
        require_space(arriving, total - _bytes_in(arriving))
        transfer = Transfer(client, _counting(total, report), cancel, wait)
        try:
            for remote in remotes:
                transfer.fetch(remote, arriving)
        except OSError:
            require_space(arriving, total - _bytes_in(arriving))
            raise
    check(arriving)
    write_json(arriving / SOURCE, {"kind": "hub", "id": hub_id, "commit": listing.commit})
    with publishing(target) as folder:
        for path in arriving.iterdir():
            _link(path, folder / path.name)
    shutil.rmtree(arriving)
    return target


@dataclass(frozen=True, slots=True)
class Described:
    """A model as its hub describes it: bytes to fetch, licence, and whether it has a template.

    What the hub does not say is None.
    """

    bytes: int
    licence: str | None
    chat_template: bool | None


def describe(hub_id: str, folder: Path, *, endpoint: str | None = None) -> Described:
    """What ``hub_id`` is, without its weights; its ``config.json`` is put into ``folder``.

    Raises what :func:`download` would before the first byte of the weights.
    """
    base = _base(hub_id, endpoint)
    with _client(base) as client:
        listing = _list(client, base, hub_id)
        remotes = _wanted(listing, Transfer(client, lambda _: None, wanted), folder)
    return Described(sum(remote.size for remote in remotes), listing.licence, listing.template)


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files of a model at one commit, by name, and what else the hub tells of it."""

    hub_id: str
    commit: str
    files: dict[str, Remote]
    licence: str | None
    template: bool | None


def _base(hub_id: str, endpoint: str | None) -> str:
    """The hub's address; raises UserMistake for an id that is none."""
    if not is_hub_id(hub_id):
        raise UserMistake("models.bad_hub_id", id=hub_id)
    base = (endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    if _is_offline() and httpx2.URL(base).host not in _LOOPBACK:
        raise Refusal("models.offline")
    return base


def _is_offline() -> bool:
    """Whether the environment keeps all on this machine, in the words of the hub's library."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@contextmanager
def _client(base: str) -> Iterator[httpx2.Client]:
    headers = {"User-Agent": f"finetune-studio/{__version__}", "Accept-Encoding": "identity"}
    token, url = os.environ.get("HF_TOKEN"), httpx2.URL(base)
    if token and (url.scheme == "https" or url.host in _LOOPBACK):
        headers["Authorization"] = f"Bearer {token}"
    with httpx2.Client(headers=headers, timeout=_TIMEOUT, follow_redirects=True) as client:
        yield client


def _list(client: httpx2.Client, base: str, hub_id: str) -> _Listing:
    """What the hub has under ``hub_id`` now."""
    try:
        response = client.get(f"{base}/api/models/{hub_id}/revision/main?blobs=true")
    except httpx2.TransportError as error:
        raise Refusal("models.hub_unreachable", endpoint=base) from error
    refuse_status(response, hub_id)
    try:
        data = response.json()
        commit = f"{int(data['sha'], 16):040x}"
        files = [_remote(item, f"{base}/{hub_id}/resolve/{commit}") for item in data["siblings"]]
    except (ValueError, KeyError, TypeError) as error:  # such as the log-in page of a network
        raise Refusal("models.hub_strange", endpoint=base) from error
    by_name = {remote.name: remote for remote in files}
    return _Listing(hub_id, commit, by_name, _licence(data), _template(data, by_name))


def _licence(data: dict[str, Any]) -> str | None:
    """The licence that the model's card declares; one that is called "other" has a name."""
    card = _part(data, "cardData")
    declared = [card.get("license_name"), card.get("license")]
    return next((name for name in declared if isinstance(name, str)), None)


def _template(data: dict[str, Any], names: Iterable[str]) -> bool | None:
    """Whether the model brings a chat template; None where the hub does not say."""
    if any(name in TEMPLATES for name in names):
        return True
    told = _part(data, "config").get("tokenizer_config")
    return bool(told.get("chat_template")) if isinstance(told, dict) else None


def _part(data: dict[str, Any], name: str) -> dict[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _remote(item: dict[str, Any], place: str) -> Remote:
    name, large = item["rfilename"], item.get("lfs") or {}
    return Remote(
        name=name,
        url=f"{place}/{quote(name)}",
        size=int(item["size"]),
        sha256=large.get("sha256"),
        blob=item["blobId"],
    )


def _wanted(listing: _Listing, transfer: Transfer, arriving: Path) -> list[Remote]:
    """The files to fetch. Those that decide whether the model can be used at all come first."""
    if CONFIG not in listing.files:
        raise UserMistake("models.no_config", folder=listing.hub_id)
    weights = weights_name(listing.files)
    if not any(name in listing.files for name in VOCABULARIES):
        raise UserMistake("models.no_tokenizer", file=VOCABULARIES[0])
    transfer.fetch(listing.files[CONFIG], arriving)
    read_config(arriving)
    names = [name for name in listing.files if name in READ or is_terms(name)]
    if weights == INDEX:
        index = transfer.fetch(listing.files[INDEX], arriving)
        names += shard_names(weight_map(index))
    names.append(weights)
    for name in names:
        if name not in listing.files:
            raise UserMistake("models.missing_shard", file=name)
    return [listing.files[name] for name in names]


def _arriving_folder(target: Path, commit: str) -> Path:
    """Where the files of ``commit`` gather; those of an older commit are removed."""
    prefix = f".{target.name}.arriving-"
    here = target.with_name(f"{prefix}{commit[:12]}")
    ensure_folder(target.parent)
    for other in target.parent.iterdir():
        if other.name.startswith(prefix) and other != here:
            shutil.rmtree(other)
    here.mkdir(mode=0o700, exist_ok=True)
    return here


def _counting(total: int, report: Report) -> Callable[[int], None]:
    """Add up the bytes that arrive; report each mebibyte, each half second, and the last byte."""
    done = told = 0
    told_at = time.monotonic()

    def arrived(count: int) -> None:
        nonlocal done, told, told_at
        done += count
        is_late = time.monotonic() - told_at >= _OFTEN
        if count < 0 or done - told >= _TOLD or done == total or is_late:
            told, told_at = done, time.monotonic()
            report(Progress("download", done, total, "bytes"))

    return arrived


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _link(source: Path, target: Path) -> None:
    """Give a file a second name where the disk can, so that a failure leaves the first one."""
    try:
        os.link(source, target)
    except OSError:
        os.replace(source, target)

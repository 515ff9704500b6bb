"""Models to where they play: copied, verified, whole or not there.

A place is a folder or any fsspec address; in it::

    <sha256>.safetensors      files of models, of all configs
    hex8_2.json               manifest: which of them are champion and newest of hex8:2; written last

Workers on one machine share the state directory. One with a state directory of its own takes a file
that it lacks from such a place (`ensure`), knowing its sha256 from the ledger; who has no ledger reads
the manifest.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import fsspec

from ringrift.configs import Config
from ringrift.errors import BadInput, shown
from ringrift.nets.files import SUFFIX
from ringrift.settings.secrets import masked
from ringrift.store.blobs import ASIDE, BadBlob, Blob, BlobStore
from ringrift.store.ids import digest
from ringrift.store.models import ModelRow

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Folder of a state directory.
FOLDER: Final = "models"

#: What manifests say that they are; another number means another form.
FORMAT: Final = "ringrift-models/1"


class PlaceAway(BadInput):
    """A place cannot be reached, read or written now."""


class NotThere(BadInput):
    """A place has no such file."""


class Pruned(BadBlob):
    """The file of a model was given up (`models.pruning`) and is nowhere."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model as a manifest names it."""

    sha256: str
    #: Name of its file in the place.
    file: str
    bytes: int
    #: initial, candidate or imported.
    kind: str
    #: Seconds since 1970.
    created_at: float

    @classmethod
    def of(cls, row: ModelRow) -> Self:
        """From the ledger's row."""
        return cls(row.sha256, file_name(row.sha256), row.bytes, row.kind, row.created_at)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a place has of one config."""

    config: str
    newest: Listed
    champion: Listed | None
    #: When the champion became it, seconds since 1970: a champion that comes back is news.
    since: float | None

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.config.replace(':', '_')}.json"

    @property
    def digest(self) -> str:
        """64 hex digits."""
        return digest(asdict(self))

    def text(self) -> str:
        """As it is written."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, text: str, where: str) -> Self:
        """Inverse of `text`. BadInput naming the file and what is wrong with it."""
        try:
            values = json.loads(text)
            said = values.pop("format", None)
            champion = values.pop("champion")
            made = cls(
                champion=None if champion is None else Listed(**champion),
                newest=Listed(**values.pop("newest")),
                **values,
            )
            Config.parse(made.config)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadInput(f"{where}: no manifest of models: {error}") from None
        if said != FORMAT:
            raise BadInput(f"{where}: expected a manifest of format {FORMAT}, not {shown(said)}")
        for one in filter(None, (made.newest, made.champion)):
            if one.file != file_name(one.sha256):
                raise BadInput(f"{where}: file {one.file!r} is not named by its sha256")
        return made


def file_name(sha256: str) -> str:
    """Name of a model's file, wherever it lies."""
    return f"{sha256}{SUFFIX}"


def publish(blobs: BlobStore, path: Path, place: str, *, again: bool = False) -> bool:
    """Put a model into a place, verified; False if it is there. `again` hashes the one that is there.

    PlaceAway; BadBlob if our own file is broken, or the copy is not what it should be.
    """
    with reaching(place, reading=False):
        return blobs.push(path, place, again=again)


def fetch(blobs: BlobStore, sha256: str, place: str) -> Blob:
    """Take a model from a place into the models folder, verified. NotThere, PlaceAway, BadBlob."""
    present = blobs.home / FOLDER / file_name(sha256)
    if present.is_file():
        blobs.verify(present, sha256)
        return Blob(present, sha256, present.stat().st_size)
    try:
        with reaching(place):
            return blobs.fetch(f"{place.rstrip('/')}/{present.name}", FOLDER, sha256)
    except FileNotFoundError:
        raise NotThere(f"{masked(place)} has no {present.name}") from None


#: Takes a model (sha256) from a place; raises as `fetch`.
Fetch = Callable[[BlobStore, str, str], Blob]


def ensure(
    blobs: BlobStore, row: ModelRow, places: Sequence[str] = (), fetch: Fetch = fetch
) -> Path:
    """The verified file of a registered model; where it is not here, taken from the first place that has it.

    BadBlob (Pruned) naming what was tried.
    """
    path = blobs.path(row.path)
    if path.exists():
        return blobs.verify(path, row.sha256)
    tried: list[str] = []
    for place in places:
        try:
            return fetch(blobs, row.sha256, place).path
        except (NotThere, PlaceAway, BadBlob) as error:
            tried.append(str(error))
    if row.pruned_at is not None:
        day = datetime.fromtimestamp(row.pruned_at, UTC).strftime("%Y-%m-%d")
        raise Pruned(
            f"the file of model {row.sha256[:12]} was pruned on {day} (models.keep_candidates, "
            "models.keep_champions); its games and evidence are in the ledger",
            path,
        )
    if tried:
        raise BadBlob(
            f"model {row.sha256[:12]} is neither in {path.parent} nor elsewhere: "
            + "; ".join(tried),
            path,
        )
    return blobs.verify(path, row.sha256)  # says that it is not there, and where a broken one went


def write_manifest(manifest: Manifest, place: str) -> bool:
    """Write it, whole, unless it stands there already; whether it was written. PlaceAway."""
    content = manifest.text().encode()
    with reaching(place, reading=False):
        filesystem, folder = _open(place)
        final = f"{folder}/{manifest.name}"
        if filesystem.exists(final) and filesystem.cat_file(final) == content:
            return False
        filesystem.makedirs(folder, exist_ok=True)
        aside = f"{folder}/{ASIDE}{os.getpid()}-{secrets.token_hex(4)}"
        filesystem.pipe_file(aside, content)
        filesystem.mv(aside, final)
    return True


def manifests(place: str) -> list[Manifest]:
    """What a place says that it has, by config. PlaceAway, NotThere; BadInput for a manifest that is none."""
    names = [name for name in sorted(listing(place)) if name.endswith(".json")]
    if not names:
        raise NotThere(f"{masked(place)} holds no manifest of models")
    with reaching(place):
        filesystem, folder = _open(place)
        texts = [filesystem.cat_file(f"{folder}/{name}").decode(errors="replace") for name in names]
    return [
        Manifest.read(text, f"{masked(place)}/{name}")
        for name, text in zip(names, texts, strict=True)
    ]


def listing(place: str) -> dict[str, int]:
    """Names of the files in a place and their sizes in bytes; none where there is no such folder. PlaceAway."""
    with reaching(place):
        filesystem, folder = _open(place)
        try:
            found = filesystem.ls(folder, detail=True)
        except FileNotFoundError:
            return {}
    files = ((str(one["name"]).rsplit("/", 1)[-1], one) for one in found)
    return {name: int(one.get("size") or 0) for name, one in files if not name.startswith(ASIDE)}


def withdraw(place: str, sha256: str) -> bool:
    """Remove the file of a model from a place; False if another one did. PlaceAway."""
    with reaching(place):
        filesystem, folder = _open(place)
        try:
            filesystem.rm_file(f"{folder}/{file_name(sha256)}")
        except FileNotFoundError:
            return False
    return True


def _open(place: str) -> tuple[Any, str]:
    """The file system of a place, as it is now and not as it was, and the folder in it."""
    filesystem, folder = fsspec.url_to_fs(place)
    filesystem.invalidate_cache()
    return filesystem, str(folder).rstrip("/")


@contextmanager
def reaching(place: str, *, reading: bool = True) -> Iterator[None]:
    """Turn whatever a store's own library raises into one line; where we read, a missing file stays one."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:
        if reading and isinstance(error, FileNotFoundError):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        raise PlaceAway(f"{masked(place)}: {masked(said)}") from error

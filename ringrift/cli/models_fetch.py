"""``ringrift models sync --from PLACE``: fetch what the manifests of a place name, without a ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ringrift.errors import BadInput

if TYPE_CHECKING:
    from ringrift.models.distribution import Manifest

#: Digits of a sha256 in tables.
SHORT = 12


def say_fetched(
    origin: str,
    asked: Sequence[str] | None,
    settings_file: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fetch champion and newest model of the configs that were asked for, else of all, and print each.

    Raises BadInput for a place without one of these configs.
    """
    from ringrift.models import distribution
    from ringrift.settings import Settings, home, prepare_home
    from ringrift.settings.models import checked_place
    from ringrift.store.blobs import BlobStore

    place = checked_place(origin)
    wanted = _wanted(place, distribution.manifests(place), asked)
    folder = home() if dry_run else prepare_home(Settings.load(settings_file).storage.min_free_mib)
    blobs = BlobStore(folder)
    done: list[dict[str, Any]] = []
    for manifest in wanted:
        for role, one in (("champion", manifest.champion), ("newest", manifest.newest)):
            if one is None:
                continue
            path = folder / distribution.FOLDER / one.file
            there = path.is_file()
            if not dry_run:
                distribution.fetch(blobs, one.sha256, place)
            about = {
                "config": manifest.config,
                "role": role,
                "sha256": one.sha256,
                "file": str(path),
                "bytes": one.bytes,
                "fetched": not there and not dry_run,
            }
            done.append(about)
            if not as_json:
                typer.echo(_line(about, "here" if there else "to fetch" if dry_run else "fetched"))
    if as_json:
        typer.echo(json.dumps(done, indent=1))


def _wanted(place: str, listed: Sequence[Manifest], asked: Sequence[str] | None) -> list[Manifest]:
    """Those of a place's manifests that were asked for."""
    from ringrift.configs import Config

    if not asked:
        return list(listed)
    configs = {str(Config.parse(text)) for text in asked}
    missing = configs - {one.config for one in listed}
    if missing:
        raise BadInput(
            f"{place} has no models of {', '.join(sorted(missing))}; "
            f"it has {', '.join(one.config for one in listed)}"
        )
    return [one for one in listed if one.config in configs]


def _line(about: dict[str, Any], word: str) -> str:
    """What became of one file, as text."""
    return (
        f"{about['config']:<12}  {about['role']:<8}  {about['sha256'][:SHORT]}  "
        f"{word:<8}  {about['file']}"
    )

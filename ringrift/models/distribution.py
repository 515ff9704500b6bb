"""Models to where they play: copied, verified, whole or not there.

Workers on one machine share the state directory. A worker on another one fetches what it needs from
the store that `url` names (any fsspec address) into its own.
"""

from __future__ import annotations

from pathlib import Path

from ringrift.store.blobs import Blob, BlobStore


def publish(blobs: BlobStore, path: Path, url: str) -> None:
    """Put a model into a shared store; a second time changes nothing."""
    blobs.push(path, url)


def fetch(blobs: BlobStore, sha256: str, url: str) -> Blob:
    """Take a model from a shared store into the models folder, verified."""
    present = blobs.home / "models" / f"{sha256}.safetensors"
    if present.is_file():
        blobs.verify(present, sha256)
        return Blob(present, sha256, present.stat().st_size)
    return blobs.fetch(f"{url.rstrip('/')}/{present.name}", "models", sha256)

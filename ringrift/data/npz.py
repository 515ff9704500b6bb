"""The training dataset as a file: its arrays, written so that equal content is equal bytes.

n rows (one recorded decision each), P players, N cells, F = 6 rows of a state:

    states           uint16[n, F, N]  position of the decision, see ringrift/rules/kernels/constants
    policy_index     int64[n + 1]     row i has policy entries policy_index[i] : policy_index[i + 1]
    policy_action    int32[nnz]       actions of the targets
    policy_prob      float32[nnz]     their shares; those of a row sum to 1
    value            float32[n, P]    1 for the winning seat, as the agents sit in this position
    root_value       float32[n, P]    value the search found, by seat
    final_territory  uint8[n, N]      owner of each collapsed cell at the end, 0 none
    final_elim       uint16[n, P]     eliminated-ring credit at the end, by seat
    game             int32[n]         number of the game in the file
    heldout          bool[n]          belongs to a held-out game: never trained on
    full             bool[n]          has a policy target; otherwise learn the values only
    weight           float32[n]       weight of the row in every loss
    meta             uint8[...]       JSON: config, shards, games, how it was made

Seats are absolute. A row from before a pie swap that was later taken has the outcomes of seats 1
and 2 exchanged in `value`: the agent that sat in seat 1 then held seat 2 at the end. Territory and
eliminated rings belong to colours, which a swap does not move.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ringrift.errors import BadInput

VERSION = 1
SUFFIX = ".npz"

#: Arrays of a dataset and their dtypes, in the order of the file.
DTYPES: Mapping[str, str] = {
    "states": "uint16",
    "policy_index": "int64",
    "policy_action": "int32",
    "policy_prob": "float32",
    "value": "float32",
    "root_value": "float32",
    "final_territory": "uint8",
    "final_elim": "uint16",
    "game": "int32",
    "heldout": "bool",
    "full": "bool",
    "weight": "float32",
    "meta": "uint8",
}

#: States are mostly zeros: level 1 shrinks them about tenfold at the speed of a disk.
_LEVEL = 1


def write_npz(folder: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> Path:
    """Write a dataset into `folder` under the sha256 of its bytes; BadInput if that cannot be done.

    Written aside, synced, renamed: a dataset is whole or not there.
    """
    text = json.dumps({"version": VERSION, **meta}, sort_keys=True, separators=(",", ":"))
    whole = {**arrays, "meta": np.frombuffer(text.encode(), np.uint8)}
    if list(whole) != list(DTYPES):
        raise BadInput(f"a dataset holds {list(DTYPES)}, not {list(whole)}")
    aside = folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with aside.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                for name, dtype in DTYPES.items():
                    _write_array(archive, name, whole[name], dtype)
            file.flush()
            os.fsync(file.fileno())
        with aside.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        path = folder / f"{sha256}{SUFFIX}"
        aside.replace(path)
        _sync_folder(folder)
    except OSError as error:
        raise BadInput(f"cannot write a dataset to {folder}: {error.strerror}") from error
    finally:
        aside.unlink(missing_ok=True)
    return path


def _write_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any], dtype: str) -> None:
    if array.dtype != np.dtype(dtype):
        raise BadInput(f"dataset array {name} must be {dtype}, not {array.dtype}")
    # Opened by its name, a member carries the fixed date 1980-01-01: equal content, equal bytes.
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of a dataset whose name is the hash of its bytes; BadInput at any fault."""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    if path.name != f"{found}{SUFFIX}":
        raise BadInput(f"{path}: damaged or renamed, its content has sha256 {found}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in DTYPES}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: not a dataset: {error}") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Secrets: from a variable, or from the file that the variable's name with ``_FILE`` names; never shown.

========================  ==========================================================
secret                    what it is
========================  ==========================================================
CELERY_BROKER_URL         broker, with its password
CELERY_RESULT_BACKEND     results, where they do not lie on the broker
RINGRIFT_DATABASE_URL     ledger, with its password
========================  ==========================================================

A file keeps a password out of ``ps``, shell histories and unit files; container platforms mount
them. No setting of config/unified_loop.yaml is a secret, so settings may be shown to anybody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from ringrift.errors import BadInput
from ringrift.settings.home import path_of

#: The variables that may be given as a file.
BROKER_URL: Final = "CELERY_BROKER_URL"
RESULT_BACKEND: Final = "CELERY_RESULT_BACKEND"
DATABASE_URL: Final = "RINGRIFT_DATABASE_URL"

#: What is appended to their names then.
FILE: Final = "_FILE"

#: scheme://user:password@; greedy, so that of a password with an @ in it nothing stays.
_IN_URL: Final = re.compile(r"(\w://[^\s:/@]*):\S+@")
_IN_QUERY: Final = re.compile(
    r"(?i)(?<![a-z])((?:password|passwd|pwd|secret|token|api[_-]?key)=)[^&\s'\"]+"
)
_IN_HEADER: Final = re.compile(r"(?i)\b(authorization:\s*(?:basic|bearer|token)\s+)[^\s'\"]+")


def secret(name: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a secret, "" where it is not given. Raises BadInput, without ever telling the value."""
    value = environ.get(name, "").strip()
    named = environ.get(name + FILE, "").strip()
    if not named:
        return value
    if value:
        raise BadInput(f"{name} and {name}{FILE} are both set: expected one of them")
    try:
        found = path_of(named, name + FILE).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadInput(f"{name}{FILE}={named}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{name}{FILE}={named}: cannot be read: it is not UTF-8 text") from None
    if not found or len(found.splitlines()) > 1:
        raise BadInput(f"{name}{FILE}={named}: expected one line that is not empty")
    return found


def masked(text: str) -> str:
    """Return a text for people: passwords in its URLs, assignments and headers are ***.

    >>> masked("no answer from redis://me:geheim@host:6379/0")
    'no answer from redis://me:***@host:6379/0'
    """
    text = _IN_URL.sub(r"\1:***@", text)
    return _IN_HEADER.sub(r"\1***", _IN_QUERY.sub(r"\1***", text))

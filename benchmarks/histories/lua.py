"""Redis as far as leases need it: their real scripts, on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import lupa

_runtime = lupa.LuaRuntime(encoding=None, unpack_returned_tuples=False)

#: Whose script runs now, last.
_serving: list[LuaRedis] = []


def _call(command: bytes, *words: Any) -> Any:
    return _serving[-1].call(command, *words)


#: What scripts know as `redis`. One for all: a table that holds a Python object, held by that object, is a circle
#: through Lua, which neither collector sees; each history stayed in memory, whole, until a process had none left.
_redis = _runtime.table_from({b"call": _call})


@cache
def _compiled(script: str) -> Callable[..., Any]:
    made: Callable[..., Any] = _runtime.eval(
        b"function(redis, KEYS, ARGV) " + script.encode() + b" end"
    )
    return made


class LuaRedis:
    """Hashes, strings and expiry; scripts run as Redis runs them, whole."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._values: dict[bytes, Any] = {}
        self._until: dict[bytes, float] = {}

    def forget(self) -> None:
        """Lose everything."""
        self._values.clear()
        self._until.clear()

    def eval(self, script: str, number: int, *given: Any) -> Any:
        """As `redis.Redis.eval`: bytes, numbers, lists; None for nothing."""
        words = [word if isinstance(word, bytes) else str(word).encode() for word in given]
        keys, arguments = (_runtime.table_from(part) for part in (words[:number], words[number:]))
        _serving.append(self)
        try:
            return _answer(_compiled(script)(_redis, keys, arguments))
        finally:
            _serving.pop()

    def hmget(self, key: bytes, *names: bytes) -> list[bytes | None]:
        """Fields of a hash."""
        self._expire()
        found = self._values.get(key, {})
        return [found.get(name) for name in names]

    def pttl(self, key: bytes) -> int:
        """Milliseconds until a key expires; -1 never, -2 it is not there."""
        self._expire()
        if key not in self._values:
            return -2
        return int((self._until[key] - self._clock()) * 1000) if key in self._until else -1

    def _expire(self) -> None:
        for name in [name for name, until in self._until.items() if until <= self._clock()]:
            del self._values[name], self._until[name]

    def call(self, command: bytes, key: bytes, *words: Any) -> Any:
        """One command of a script; what is not there is False to Lua."""
        self._expire()
        given = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        match command, given:
            case b"EXISTS", []:
                return int(key in self._values)
            case b"HSET", pairs:
                found = self._values.setdefault(key, {})
                found.update(zip(pairs[::2], pairs[1::2], strict=True))
                return len(pairs) // 2
            case b"HGET", [name]:
                return self._values.get(key, {}).get(name, False)
            case b"GET", []:
                return self._values.get(key, False)
            case b"SET", [value]:
                self._values[key] = value
                return True
            case b"DEL", []:
                self._until.pop(key, None)
                return int(self._values.pop(key, None) is not None)
            case b"PEXPIRE", [milliseconds]:
                if key not in self._values:
                    return 0
                self._until[key] = self._clock() + int(milliseconds) / 1000
                return 1
        raise LookupError(f"the stand-in for Redis has no {command.decode()} with {given!r}")


def _answer(value: Any) -> Any:
    if lupa.lua_type(value) == "table":
        return [_answer(item) for item in value.values()]
    return None if value is False else value

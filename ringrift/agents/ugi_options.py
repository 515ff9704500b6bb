"""The options of the line protocol: what `ugi` lists and `setoption` sets (docs/engine.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ringrift.agents.spec import AGENT_KINDS, BUDGETS, DEFAULT_NODES, DEFAULT_ROLLOUTS
from ringrift.configs import BOARD_NAMES, Config
from ringrift.errors import BadInput, nearest
from ringrift.rules.boards import RINGS_RANGE
from ringrift.rules.game import GameOptions, opening

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Values of all options. Raises BadInput for rule options that no game can have."""

    board: str = "hex8"
    seats: int = 2
    agent: str = "heuristic"
    #: Name or file of the model; empty for none.
    model: str = ""
    #: Simulations of a decision for which `go` names no limit.
    simulations: int = 64
    #: The same of agent mcts, and of agent minimax: decisions ahead (0: as far as the nodes go) and positions.
    rollouts: int = DEFAULT_ROLLOUTS
    depth: int = 0
    nodes: int = DEFAULT_NODES
    seed: int = 0
    #: Play forced moves without being asked, and leave them out of move lists.
    play_forced: bool = False
    #: Pie rule with 2 seats; with more there is none.
    pie: bool = True
    #: 0: as the config has it.
    rings: int = 0
    #: 0: as the config has it.
    line_detect: int = 0
    lps_rounds: int = 3

    def __post_init__(self) -> None:
        """Refuse what no game can begin with."""
        opening(self.config, self.rules)

    @property
    def budgets(self) -> dict[str, Any]:
        """Those of the agent's kind."""
        return {
            name: getattr(self, name)
            for name, (kind, *_) in BUDGETS.items()
            if kind == self.agent and getattr(self, name)
        }

    @property
    def config(self) -> Config:
        """Board and seats."""
        return Config(self.board, self.seats)

    @property
    def rules(self) -> GameOptions:
        """The rule options among them."""
        return GameOptions(
            pie=self.pie and self.seats == 2,
            line_detect=self.line_detect or None,
            lps_rounds=self.lps_rounds,
            rings=self.rings or None,
        )


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name is that of its field in `Settings`, its kind one of UGI's types."""

    name: str
    #: check, spin, combo or string.
    kind: str
    low: int = 0
    high: int = 0
    choices: Sequence[str] = ()

    def line(self, value: Value) -> str:
        """Line of `ugi`; the value is called the default."""
        text = f"option name {self.name} type {self.kind} default {_text(value)}"
        if self.kind == "spin":
            text += f" min {self.low} max {self.high}"
        return text + "".join(f" var {choice}" for choice in self.choices)

    def read(self, text: str) -> Value:
        """Value of a text; raises BadInput that says what was expected."""
        match self.kind:
            case "check":
                if text.lower() not in ("true", "false"):
                    raise BadInput(f"{self.name} is {text!r}: expected true or false")
                return text.lower() == "true"
            case "spin":
                value = read_number(self.name, text)
                if not self.low <= value <= self.high:
                    raise BadInput(f"{self.name} is {value}: expected {self.low} to {self.high}")
                return value
            case "combo":
                for choice in self.choices:
                    if choice.lower() == text.lower():
                        return choice
                raise BadInput(f"{self.name} is {text!r}: {nearest(text, self.choices)}")
            case _:
                return "" if text == EMPTY else text


#: UGI's word for an empty string.
EMPTY: Final = "<empty>"

OPTIONS: Final = (
    Option("board", "combo", choices=BOARD_NAMES),
    Option("seats", "spin", 2, 4),
    Option("agent", "combo", choices=AGENT_KINDS),
    Option("model", "string"),
    Option("simulations", "spin", *BUDGETS["simulations"][2:]),
    Option("rollouts", "spin", *BUDGETS["rollouts"][2:]),
    Option("depth", "spin", 0, BUDGETS["depth"][3]),
    Option("nodes", "spin", *BUDGETS["nodes"][2:]),
    Option("seed", "spin", 0, 2**63 - 1),
    Option("play_forced", "check"),
    Option("pie", "check"),
    Option("rings", "spin", 0, RINGS_RANGE[1]),
    Option("line_detect", "spin", 0, 5),
    Option("lps_rounds", "spin", 1, 999),
)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) or EMPTY


def read_number(name: str, text: str) -> int:
    """A whole number, not negative, below 10^19; raises BadInput for any other text."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise BadInput(f"{name} is {text[:40]!r}: expected a whole number")
    return int(text)


def set_option(settings: Settings, name: str, text: str) -> Settings:
    """Settings with one option changed; raises BadInput naming the nearest option or the values it takes."""
    for option in OPTIONS:
        if option.name == name.lower():
            changed: dict[str, Any] = {option.name: option.read(text)}
            return replace(settings, **changed)
    raise BadInput(f"no option {name!r}: {nearest(name, [o.name for o in OPTIONS])}")


def option_lines(settings: Settings) -> list[str]:
    """What `ugi` says of the options."""
    return [option.line(getattr(settings, option.name)) for option in OPTIONS]

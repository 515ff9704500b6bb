"""The rare cases that `parity check` must reach, by name and rule, and how often they occurred.

What each name means exactly is decided by `ringrift.parity.observer`, which looks at the position
before a move, the move, and the position after it.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ringrift.configs import Config
from ringrift.rules.boards import constants
from ringrift.rules.game import GameOptions

Where = Callable[[Config, GameOptions], bool]


def _everywhere(_config: Config, _options: GameOptions) -> bool:
    return True


def _pie(config: Config, options: GameOptions) -> bool:
    return config.players == 2 and options.pie is not False


def _many(config: Config, _options: GameOptions) -> bool:
    return config.players > 2


def _grows(config: Config, _options: GameOptions) -> bool:
    return config.board != "hexagonal"


def _hex8(config: Config, _options: GameOptions) -> bool:
    return config.board == "hex8"


def _unseen_runs(config: Config, options: GameOptions) -> bool:
    limits = constants(config, options)
    return limits.detect > limits.line


def _exact_lines(config: Config, options: GameOptions) -> bool:
    return not _unseen_runs(config, options)


def _refuses(config: Config, options: GameOptions) -> bool:
    """Where the base length of rules §1.2 is not the line length (rules §11.4)."""
    return str(config) == "square8:2" or _unseen_runs(config, options)


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    name: str
    rule: str  #: section of docs/rules.md
    about: str
    where: Where = _everywhere  #: configurations and options in which it can occur at all


CASES: Final = (
    # placement
    Case("place-1", "5.2", "one ring on an empty cell"),
    Case("place-2", "5.2", "two rings on an empty cell"),
    Case("place-3", "5.2", "three rings on an empty cell"),
    Case("place-own", "5.2", "a ring on an own stack"),
    Case("place-other", "5.5", "a ring on another seat's stack, which changes hands"),
    Case("place-dead-single", "5.2", "a cell not offered: dead with one ring, alive with more"),
    Case("place-must", "5.5", "only the placed stack may move, though the seat has others"),
    Case("place-skip", "5.4", "placement declined with a mobile stack"),
    Case("place-skip-recovery", "5.4", "placement declined in order to recover"),
    Case("place-none-hand", "4.1", "no placement: the hand is empty"),
    Case("place-none-blocked", "4.1", "no placement: rings in hand, and no cell for them"),
    # plain moves
    Case("move-flip", "6.2", "a move passes other seats' markers, which change colour"),
    Case("move-collapse", "6.2", "a move passes own markers, which collapse"),
    Case("move-land-own", "6.2", "a move lands on an own marker"),
    Case("move-land-other", "6.2", "a move lands on another seat's marker"),
    Case("move-land-gone", "6.2", "a single ring lands on a marker and is gone"),
    Case("move-land-turns", "6.2", "landing on a marker hands the stack to another seat"),
    Case("move-none", "4.1", "nothing to move and no right to recovery"),
    # captures
    Case("capture-first", "7.4", "a capture as first action"),
    Case("capture-after-move", "7.4", "a capture after a plain move"),
    Case("capture-declined", "7.4", "the capture after a plain move declined"),
    Case("capture-own", "7.1", "an own stack captured"),
    Case("capture-higher", "7.1", "a stack captured that is higher, with a cap no thicker"),
    Case("capture-equal-cap", "7.1", "a stack captured whose cap is just as thick"),
    Case("capture-empties", "7.2", "the captured stack is gone"),
    Case("capture-bares", "7.2", "the captured stack falls to another seat"),
    Case("capture-land", "7.2", "a capture lands on a marker"),
    Case("capture-land-turns", "7.2", "a capture that lands on a marker gives the stack away"),
    Case("chain-2", "7.3", "chains of 2 segments and more"),
    Case("chain-4", "7.3", "chains of 4 segments and more"),
    Case("chain-6", "7.3", "chains of 6 segments and more"),
    Case("chain-back", "7.3", "a chain turns back in its own direction"),
    Case("chain-again", "7.3", "a chain takes from the same stack twice in a row"),
    Case("chain-own", "7.3", "a chain captures an own stack"),
    Case("chain-crosses", "7.2", "a chain passes a marker that it left itself"),
    # lines
    Case("line-exact", "8.3", "an exact line for a fee", _exact_lines),
    Case("line-waived", "8.3", "a line without a fee: no stack to pay with"),
    Case("line-whole", "8.4", "an overlength line, whole, for a fee"),
    Case("line-part", "8.4", "a part of an overlength line, free"),
    Case("line-part-inner", "8.4", "a part with markers left over on both sides"),
    Case("line-long", "8.4", "an overlength line, longer by 2 and more"),
    Case("line-rest", "8.4", "what a part left over is a line again"),
    Case("lines-two", "8.2", "two lines to choose from"),
    Case("lines-cross", "8.1", "two lines that cross"),
    Case("line-broken", "8.2", "a line is gone because one that crossed it collapsed"),
    Case("line-unseen", "1.2", "a run of L that is not noticed (line_detect)", _unseen_runs),
    Case("line-fee-choice", "8.5", "a line fee with a choice of stacks"),
    Case("line-fee-gone", "8.5", "a line fee takes the last ring of a stack"),
    Case("line-fee-turns", "8.5", "a line fee hands the stack to another seat"),
    Case("line-fee-twice", "4.3", "two line fees in one turn"),
    Case("line-fee-end", "4.3", "no_line_action after a fee"),
    # territory
    Case("region-empty", "9.3", "a region without stacks claimed"),
    Case("region-others", "9.5", "a region with other seats' stacks claimed"),
    Case("region-own", "9.5", "a region with own stacks claimed"),
    Case("region-markers", "9.2", "a region with markers inside claimed"),
    Case("region-foreign", "9.3", "a region fenced by another seat's markers claimed"),
    Case("region-fenceless", "9.3", "a region fenced by collapsed cells and the edge only claimed"),
    Case("region-none", "9.2", "a region claimed that only the pass without colours finds"),
    Case("region-buried", "9.3", "a region claimed while some seat has only buried rings"),
    Case("region-large", "9.3", "a region of more than half of the board claimed"),
    Case("region-grown", "9.5", "a border that grew over connected markers", _grows),
    Case("region-grown-far", "9.5", "a border that grew over (1,1) or (-1,-1)", _hex8),
    Case("regions-overlap", "9.3", "two different regions that share cells to choose from"),
    Case("regions-lowest", "9.3", "two different regions with the same lowest cell"),
    Case("region-fee-choice", "9.6", "a region fee with a choice of stacks"),
    Case("region-fee-cap", "9.6", "a region fee of several rings"),
    Case("region-fee-turns", "9.6", "a region fee hands the stack to another seat"),
    Case("cascade", "9.8", "a region that was none before the claim and its payment"),
    Case("cascade-claimed", "9.8", "such a region claimed"),
    Case("region-lost", "9.8", "another region is gone after a claim and its payment"),
    Case("regions-three", "9.8", "three claims in one turn"),
    Case("regions-declined", "9.7", "regions declined"),
    Case("regions-declined-rest", "9.7", "the remaining regions declined after a claim"),
    # recovery
    Case("recovery-paid", "11.3", "recovery line for a fee (RL 1)"),
    Case("recovery-free", "11.3", "recovery line, part, free (RL 2)"),
    Case("recovery-fallback", "11.3", "fallback slide (RF)"),
    Case("recovery-strike", "11.3", "stack strike (RS)"),
    Case("recovery-overlength", "11.3", "an overlength recovery line, whole"),
    Case("recovery-needs-slid", "11.2", "a part is missing because it lacks the slid marker"),
    Case("recovery-tie", "11.2", "a slide that makes two longest runs at once"),
    Case("recovery-not-first", "11.4", "a slide whose longest run is not the first long enough"),
    Case("recovery-refused", "11.4", "slides that the reference engine refuses", _refuses),
    Case("recovery-refused-only", "11.4", "only refused slides, and no fallback", _unseen_runs),
    Case("recovery-refused-played", "11.4", "a slide played that it refuses", _refuses),
    Case("recovery-choice", "11.2", "a choice of extraction stacks"),
    Case("recovery-hand", "11.1", "recovery with rings in hand"),
    Case("recovery-strike-gone", "11.5", "a struck stack is gone"),
    Case("recovery-strike-same", "11.5", "strike and extraction on the same stack"),
    Case("recovery-lines", "11.3", "a recovery turn that makes further lines"),
    Case("recovery-regains", "11.5", "a recovery turn in which the mover regains a stack"),
    Case("recovery-region", "9.6", "a region paid by extraction"),
    Case("recovery-region-stack", "9.6", "a region paid by extraction by a seat with a stack"),
    Case("recovery-declined", "11.2", "recovery declined"),
    Case("recovery-none", "11.2", "to decline is the only action of recovery"),
    # forced elimination
    Case("forced", "10.2", "forced elimination"),
    Case("forced-choice", "10.2", "forced elimination with a choice of stacks"),
    Case("forced-cap", "10.2", "forced elimination of several rings"),
    Case("forced-turns", "10.1", "forced elimination hands the stack to another seat"),
    Case("forced-declined", "4.6", "forced elimination after regions were declined"),
    Case("forced-chain", "10.2", "forced eliminations in two successive turns"),
    Case("forced-chain-3", "10.2", "forced eliminations in three and more successive turns"),
    Case("forced-again", "10.2", "forced elimination in two successive turns of one seat"),
    # turns
    Case("turn-passed", "4.7", "a turn of bookkeeping only"),
    Case("turn-buried", "13.2", "a turn of a seat with only buried rings"),
    Case("turn-twice", "13.2", "two turns in a row by one seat"),
    Case("seat-out", "13.2", "a seat loses its last ring"),
    Case("seat-out-two", "13.2", "two seats lose their last rings in one turn"),
    Case("seat-skipped", "13.2", "a seat without rings is skipped", _many),
    Case("swap", "12", "seats swapped", _pie),
    Case("swap-declined", "12", "the right to swap not used", _pie),
    # last player standing by rounds
    Case("lps-1", "15.2", "a first round of exclusive real actions"),
    Case("lps-2", "15.2", "a second such round in a row"),
    Case("lps-broken", "15.2", "a count cleared because the round was not exclusive"),
    Case("lps-other", "15.2", "the exclusive seat changes"),
    Case("lps-leader-out", "15.2", "the seat that opens rounds is out and another opens"),
    Case("lps-late", "15.3", "enough rounds, but no win"),
    # victory
    Case("ring_elimination", "14", "victory by eliminated rings"),
    Case("territory_control", "14", "victory by territory"),
    Case("lps_rounds", "15.3", "victory as last player by rounds"),
    Case("lps_early", "14", "victory as last player at once"),
    Case("stalemate:territory", "14", "bare board, decided by territory"),
    Case("stalemate:rings", "14", "bare board, decided by rings"),
    Case("stalemate:rings-hand", "14", "bare board, decided by rings only because hands count"),
    Case("stalemate:markers", "14", "bare board, decided by markers"),
    Case("stalemate:last", "14", "bare board, decided by who moved last"),
    Case("bare-goes-on", "14", "a bare board on which somebody may still place"),
    Case("rings-mid-turn", "13.2", "the ring threshold crossed in mid-turn: the turn goes on"),
    Case("minimum-only", "14", "enough territory, but not more than all others", _many),
    Case("rank-tie", "16", "losers that share a rank", _many),
)  # fmt: skip

NAMES: Final = frozenset(case.name for case in CASES)


def possible(config: Config, options: GameOptions) -> tuple[Case, ...]:
    """The cases that can occur under a configuration and its options, in the table's order."""
    return tuple(case for case in CASES if case.where(config, options))


def never(counts: Counter[str], cases: Iterable[Case]) -> list[str]:
    """Names of the cases that did not occur."""
    return [case.name for case in cases if not counts[case.name]]


def table(counts: Counter[str], cases: Iterable[Case]) -> list[str]:
    """Lines for a person: one per case that occurred, then those that never did."""
    cases = tuple(cases)
    width = max(len(case.name) for case in cases)
    lines = [f"{'rule':>6}  {'case':<{width}}  {'times':>8}  what"]
    lines += [
        f"{'§' + case.rule:>6}  {case.name:<{width}}  {counts[case.name]:>8,}  {case.about}"
        for case in cases
        if counts[case.name]
    ]
    missing = never(counts, cases)
    seen = len(cases) - len(missing)
    lines.append(f"{seen} of {len(cases)} cases occurred")
    if missing:
        text = "never: " + ", ".join(missing)
        # Names are kept whole: they are for looking up.
        lines += textwrap.wrap(text, 100, subsequent_indent="  ", break_on_hyphens=False)
    return lines

"""The rules once more, in plain Python: the oracle that the compiled rules are compared with.

Written from the rules text alone and meant to be read beside it: one file per subject, each function
with the section that it follows. Nothing is shared with ``ringrift.rules`` but the formats of
docs/traces.md, and nothing is compiled.

==============  ============================================  =================
file            subject                                       rules
==============  ============================================  =================
geometry        cells, rays, axes, neighbours                 §2
limits          the numbers of a game                         §1
position        what a position holds                         §3
moves           the actions as data                           §4.8
legal           which of them are legal                       §4.1
turn            what follows a move, and the turn             §4.2-§4.6, §12, §13
placement       placing rings                                 §5
mobility        whether a stack could go anywhere             §5.3
movement        plain moves                                   §6
capture         captures and chains                           §7
lines           lines of markers                              §8
territory       regions and their borders                     §9
elimination     payments and forced elimination               §10
recovery        slides of a player without a stack            §11
victory         winning at the end of a turn                  §14
last_player     last player standing by rounds                §15
ranking         ranks                                         §16
notation        moves as text                                 docs/traces.md §4
state           states as objects                             docs/traces.md §5, §8
game            a game for other programs
==============  ============================================  =================
"""

from ringrift.reference.game import ReferenceGame, ReferenceIllegalMove, ReferenceResult

__all__ = ["ReferenceGame", "ReferenceIllegalMove", "ReferenceResult"]

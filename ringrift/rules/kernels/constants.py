"""Layout of the state array and numbers of phases, victories and action planes.

A state is ``uint16[F, N]``: N cells of the board, F rows. Kernels take ``(s, g, t, ...)``: ``s`` is
``uint16[G, F, N]`` (many games), ``g`` the game, ``t`` the `Tables` of the board.

    row 0        one word per cell:  cap(5) height(5) kind(2) owner(3), lowest bits last
    rows 1..4    rings of the stack on the cell, 8 per word, 2 bits each (seat - 1), bottom ring first
    row 5        scalars of the game, at the S_ indices below (all boards have at least 61 cells)

uint16 is wide enough: cells < 470, heights <= 25, credits <= 384, and the longest possible game has fewer
than 20 x 853 moves (rules §17).
"""

# --- rows -----------------------------------------------------------------------------------------
F_CELL = 0
F_RINGS = 1
F_SCALAR = 5
NUM_FIELDS = 6

RINGS_PER_WORD = 8

# --- cell word ------------------------------------------------------------------------------------
OWNER_MASK = 7
KIND_SHIFT = 3
BLOCKED = 16  # this bit of the word: collapsed or a stack, so that nothing can land there
KIND_MASK = 3
HEIGHT_SHIFT = 5
HEIGHT_MASK = 31
CAP_SHIFT = 10
CAP_MASK = 31

EMPTY = 0
MARKER = 1
COLLAPSED = 2
STACK = 3

# --- scalars --------------------------------------------------------------------------------------
S_PHASE = 0
S_PLAYER = 1  # seat to move, 1..P; 0 after the end
S_MUST = 2  # cell + 1 of the stack placed this turn, which must move; 0 none
S_FROM = 3  # cell + 1 of the stack that may capture in phases capture and chain_capture; 0 none
S_DEBT = 4  # a line fee is due
S_PEND = 5  # a region fee is due
S_ACTED = 6
S_RECOVERED = 7
S_SLIDE = 8  # search only: 1 + from * D + direction of a paid recovery slide whose stack is still to be chosen
S_SWAP_OPEN = 9  # pie rule: seat 2 has not moved yet
S_SWAPPED = 10
S_LPS_LEADER = 11  # seat that opened the round of rules §15; 0 none
S_LPS_SEEN = 12  # bit seat-1: noted in this round
S_LPS_REAL = 13  # bit seat-1: had a real action when noted
S_LPS_SEAT = 14  # exclusive seat; 0 none
S_LPS_COUNT = 15
S_LAST = 16  # seat that made the last move
S_TURNS = 17  # turns begun
S_PLIES = 18  # moves applied, bookkeeping included
S_WINNER = 19
S_VICTORY = 20
S_HAND = 21  # 21..24, per seat
S_ELIM = 25  # 25..28
S_TERR = 29  # 29..32
S_OUT = 33  # 33..36: turn in which the seat lost its last ring; 0 never
# 37..39 free
S_PLAYERS = 40
S_RINGS = 41  # rings per player
S_LINE = 42  # L: length of an exact line
S_DETECT = 43  # Dt: shortest run that is a line
S_VT = 44  # credit that wins
S_TM = 45  # territory that may win
S_LPS_ROUNDS = 46
S_PIE = 47
NUM_SCALARS = 48

# Knowledge kept while playing, so that nobody has to look over the whole board for it. It follows from the
# position (`recount` gathers it), and is no part of hashes or of the equality of positions.
S_STACKS = 48  # 48..51: stacks that the seat controls
S_MARKERS = 52  # 52..55: markers of the seat
S_ON_BOARD = 56  # 56..59: rings of the seat on the board, buried ones included
S_KNOWN = 60  # the bits below
WHOLE = 1  # << label's seat (0 none): the cells that are no walls for this label are one component
NO_REGION = 32  # territory phase, and there is nothing to claim

# --- phases ---------------------------------------------------------------------------------------
RING_PLACEMENT = 0
MOVEMENT = 1
CAPTURE = 2
CHAIN_CAPTURE = 3
LINE_PROCESSING = 4
TERRITORY_PROCESSING = 5
FORCED_ELIMINATION = 6
GAME_OVER = 7

PHASE_NAMES = (
    "ring_placement",
    "movement",
    "capture",
    "chain_capture",
    "line_processing",
    "territory_processing",
    "forced_elimination",
    "game_over",
)

# --- victories (rules §14, §15) -------------------------------------------------------------------
RING_ELIMINATION = 1
TERRITORY_CONTROL = 2
LPS_BY_ROUNDS = 3
LPS_EARLY = 4
STALEMATE_TERRITORY = 5
STALEMATE_RINGS = 6
STALEMATE_MARKERS = 7

VICTORY_NAMES = (
    "",
    "ring_elimination",
    "territory_control",
    "lps_rounds",
    "lps_early",
    "stalemate:territory",
    "stalemate:rings",
    "stalemate:markers_or_last_actor",
)

# --- kinds of PASS, in the order of pass_kind -----------------------------------------------------
PASS_SKIP_PLACEMENT = 0
PASS_NO_PLACEMENT = 1
PASS_SKIP_CAPTURE = 2
PASS_NO_MOVEMENT = 3
PASS_SKIP_RECOVERY = 4
PASS_NO_LINE = 5
PASS_SKIP_TERRITORY = 6
PASS_NO_TERRITORY = 7

PASS_NAMES = ("SP", "NP", "SC", "NM", "SR", "NL", "ST", "NT")

# --- actions (rules §20.2, §20.3): action = plane * N + cell --------------------------------------
PLANE_RAY = 3  # planes 0..2 place 1..3 rings; then D * M ray planes
STACK_SHIFT = 17  # move code = action | (extraction stack + 1) << 17; the largest action is 74 574
ACTION_MASK = (1 << STACK_SHIFT) - 1

# --- status codes ---------------------------------------------------------------------------------
OK = 0
OVER = 1

#: Room for one legal list. Placements and moves stay below 7 000 (rules §20.1); only recovery, slides
#: times stacks, can be larger, and is cut off here in positions that no game reaches.
MAX_MOVES = 65536

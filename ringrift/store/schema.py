"""The tables of the ledger.

Ids are derived (see `ids`), 64 hex digits, and are primary keys: a second insert of the same thing
is refused by the database itself. Times are seconds since 1970 UTC. Sizes are plain columns, small
records JSON. Migrations build these tables; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

#: Names of constraints are fixed, so that a migration can name them on every engine.
NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)

ID = String(64)
CONFIG = String(32)
WORD = String(32)
#: SQLite counts rows up by itself only for a plain INTEGER key.
COUNTER = BigInteger().with_variant(Integer, "sqlite")

#: Runs of which a config has one at a time.
ONE_OPEN = text("state = 'open' AND NOT backfill")

models = Table(
    "models",
    metadata,
    Column("sha256", ID, primary_key=True),
    Column("config", CONFIG, nullable=False),
    Column("kind", WORD, nullable=False),  # initial | candidate | imported
    # Run and dataset are no foreign keys, since a run names its start model: a ring of tables
    # cannot be made or emptied in any order. `verify` checks them.
    Column("run_id", ID),
    Column("parent", ID, ForeignKey("models.sha256")),  # the weights that training began with
    Column("dataset", ID),
    Column("path", Text, nullable=False),  # relative to the state directory
    Column("bytes", BigInteger, nullable=False),
    Column("accepted", Boolean, nullable=False),  # may play selfplay games
    Column("metrics", JSON, nullable=False),  # steps, losses before and after, seconds
    Column("created_at", Float, nullable=False),
    Column("pruned_at", Float),  # when its file was removed; the row stays
    Index("ix_models_config_created_at", "config", "created_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("config", CONFIG, nullable=False),
    Column("iteration", Integer, nullable=False),  # 1, 2, ... within its config
    # Games beside an iteration that trains or is judged, on devices that would idle; it trains nothing.
    Column("backfill", Boolean, nullable=False, server_default=false()),
    Column("seed", BigInteger, nullable=False),
    Column("start_model", ID, ForeignKey("models.sha256"), nullable=False),
    Column("champion", ID, ForeignKey("models.sha256")),  # when the run was opened
    Column("plan", JSON, nullable=False),  # every setting that decides what the run does
    Column("plan_digest", ID, nullable=False),
    Column(
        "priority", Integer, nullable=False, server_default="6"
    ),  # of its selfplay: 0 goes first
    Column("state", WORD, nullable=False),  # open | closed
    Column("outcome", WORD),  # promoted | rejected | failed, once closed
    Column("reason", Text),
    Column("totals", JSON),  # written once, by the closing transaction
    Column("opened_at", Float, nullable=False),
    Column("closed_at", Float),
    UniqueConstraint("config", "iteration"),
    # One open iteration per config: two masters cannot open two.
    Index(
        "ix_runs_one_open",
        "config",
        unique=True,
        sqlite_where=ONE_OPEN,
        postgresql_where=ONE_OPEN,
    ),
)

stages = Table(
    "stages",
    metadata,
    Column("id", ID, primary_key=True),  # ids.task_id(run, stage, unit)
    Column("run_id", ID, ForeignKey("runs.id"), nullable=False),
    Column("stage", WORD, nullable=False),
    Column("unit", String(128), nullable=False),  # shard or match chunk; "" for the whole run
    Column("position", Integer, nullable=False),  # place of the stage in the run: see stages.ORDER
    Column("number", Integer, nullable=False),  # place of the unit in its stage
    Column("state", WORD, nullable=False),  # pending | running | done | abandoned
    Column("attempt", Integer, nullable=False),  # grows with each claim: the claim's own fence
    Column("failures", Integer, nullable=False),  # claims that ended in an error or went silent
    Column("max_failures", Integer, nullable=False),
    Column("owner", Text),
    Column("issued_at", Float),  # last handed to a dispatcher
    Column("claimed_at", Float),
    Column("heartbeat_at", Float),
    Column("lease_until", Float),  # after this the claim may be taken by another
    Column("finished_at", Float),
    Column("spec", JSON, nullable=False),  # input, fixed when the row is made
    Column("progress", JSON),  # what the last heartbeat said
    Column("result", JSON),
    Column("error", Text),
    UniqueConstraint("run_id", "stage", "unit"),
    Index("ix_stages_state", "state"),
)

events = Table(
    "events",
    metadata,
    Column("seq", COUNTER, primary_key=True, autoincrement=True),  # order of commit on SQLite
    Column("id", ID, nullable=False, unique=True),
    Column("kind", WORD, nullable=False),
    Column("run_id", ID),
    Column("config", CONFIG),
    Column("payload", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("published_at", Float),  # None while it is still to be relayed
    Index("ix_events_published_at", "published_at"),
    Index("ix_events_run_id", "run_id"),
    Index("ix_events_kind_seq", "kind", "seq"),  # the newest of a kind, however many there are
    sqlite_autoincrement=True,  # a deleted row's number is never given again
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("name", String(128), primary_key=True),  # of the hook
    Column("seq", BigInteger, nullable=False),  # it has been handed every event up to here
    Column("holder", Text),  # who hands events to it now
    Column("held_until", Float),  # after this somebody else may
    Column("changed_at", Float, nullable=False),
)

shards = Table(
    "shards",
    metadata,
    Column("id", ID, primary_key=True),
    Column("run_id", ID, ForeignKey("runs.id"), nullable=False),
    Column("config", CONFIG, nullable=False),
    Column("model", ID, ForeignKey("models.sha256"), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("planned_games", Integer, nullable=False),
    Column("path", Text),  # relative to the state directory; None until it is played
    Column("sha256", ID),
    Column("games", Integer),
    Column("positions", BigInteger),
    Column("plies", BigInteger),
    Column("seconds", Float),
    Column("victories", JSON),
    Column("state", WORD, nullable=False),  # planned | produced | ingested | quarantined
    UniqueConstraint("run_id", "number"),
)

games = Table(
    "games",
    metadata,
    Column("id", ID, primary_key=True),
    Column("shard_id", ID, ForeignKey("shards.id"), nullable=False),
    Column("run_id", ID, ForeignKey("runs.id"), nullable=False),
    Column("config", CONFIG, nullable=False),
    Column("number", Integer, nullable=False),  # line of the shard, from 0
    Column("seed", String(20), nullable=False),  # a 64-bit seed does not fit a signed column
    Column("winner", Integer, nullable=False),  # seat, 0 for nobody
    Column("victory", WORD, nullable=False),
    Column("plies", Integer, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("positions", Integer, nullable=False),  # decisions with a policy target
    Column("fault", Text),  # why nothing may learn from it; None: it may
    UniqueConstraint("shard_id", "number"),
    Index("ix_games_run_id", "run_id"),
    Index("ix_games_config", "config"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("sha256", ID, primary_key=True),
    Column("id", ID, nullable=False, unique=True),  # ids.dataset_id: what it was made from
    Column("run_id", ID, ForeignKey("runs.id"), nullable=False, unique=True),
    Column("config", CONFIG, nullable=False),
    Column("path", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("games", Integer, nullable=False),
    Column("heldout_rows", BigInteger, nullable=False),
    Column("shards", JSON, nullable=False),  # ids of the shards in it
    Column("created_at", Float, nullable=False),
)

matches = Table(
    "matches",
    metadata,
    Column("id", ID, primary_key=True),
    Column("run_id", ID, ForeignKey("runs.id")),  # None for a match played by hand
    Column("config", CONFIG, nullable=False),
    Column("purpose", WORD, nullable=False),  # gate name, "shadow", "manual", ...
    Column("a", Text, nullable=False),  # identity of the agent: kind, weights, budget
    Column("b", Text, nullable=False),
    Column("model", ID),  # weights behind a, where there are any
    Column("seed", String(20), nullable=False),  # 64 bits do not fit a signed column
    Column("games", Integer, nullable=False),  # at most: a match stops where it is decided
    Column("spec", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_matches_run_id", "run_id"),
)

match_games = Table(
    "match_games",
    metadata,
    Column("id", ID, primary_key=True),  # ids.match_game_id(match, number)
    Column("match_id", ID, ForeignKey("matches.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("block", Integer, nullable=False),  # all seatings of one opening
    Column("game", ID, nullable=False),  # derived from its moves: the same game in two matches
    Column("seat", Integer, nullable=False),  # of a, at the start
    Column("seats", JSON, nullable=False),  # who held each seat at the end: ["a", "b"]
    Column("ranks", JSON, nullable=False),  # of each seat
    Column("winner", Integer, nullable=False),  # seat, 0 for nobody
    Column("score", Float, nullable=False),  # of a: 1 win, 0 loss
    Column("victory", WORD, nullable=False),
    Column("plies", Integer, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("swapped", Boolean, nullable=False),
    UniqueConstraint("match_id", "number"),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", ID, primary_key=True),
    Column("run_id", ID, ForeignKey("runs.id"), nullable=False),
    Column("model", ID, ForeignKey("models.sha256"), nullable=False),
    Column("gate", WORD, nullable=False),
    Column("match_id", ID, ForeignKey("matches.id"), nullable=False),
    Column("opponent", Text, nullable=False),
    Column("games", Integer, nullable=False),  # the first so many of the match decided it
    Column("wins", Integer, nullable=False),  # there are no draws in RingRift
    Column("low", Float, nullable=False),  # confidence interval of the score
    Column("high", Float, nullable=False),
    Column("bound", Float, nullable=False),  # what `low` must reach
    Column("verdict", WORD, nullable=False),  # pass | fail
    Column("evidence", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("run_id", "model", "gate"),
)

promotions = Table(
    "promotions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("run_id", ID, ForeignKey("runs.id"), nullable=False, unique=True),
    Column("config", CONFIG, nullable=False),
    Column("model", ID, ForeignKey("models.sha256"), nullable=False),
    Column("previous", ID, ForeignKey("models.sha256")),
    Column("evidence", JSON, nullable=False),
    Column("fence", BigInteger),
    Column("created_at", Float, nullable=False),
)

champions = Table(
    "champions",
    metadata,
    Column("config", CONFIG, primary_key=True),
    Column("model", ID, ForeignKey("models.sha256"), nullable=False),
    Column("promotion_id", ID, ForeignKey("promotions.id"), nullable=False),
    Column("since", Float, nullable=False),
)

fences = Table(
    "fences",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),  # the newest owner's; older ones may not write
    Column("owner", Text, nullable=False),
    Column("taken_at", Float, nullable=False),
)

loops = Table(
    "loops",
    metadata,
    Column("name", String(64), primary_key=True),  # continuous, ...
    Column("owner", Text, nullable=False),  # machine, process and a random part
    Column("state", WORD, nullable=False),  # running | cooldown | deferred | ...
    Column("config", CONFIG),  # what it works on now
    Column("reason", Text),  # why it is in this state
    Column("since", Float, nullable=False),  # of the state
    Column("until", Float),  # when it looks again, or goes on
    Column("updated_at", Float, nullable=False),  # its last sign of life
    Column("breaker", JSON),  # state, failures, openings, reason of its circuit breaker
    Column("details", JSON, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("name", String(255), primary_key=True),  # gpu1@host
    Column("process", Text, nullable=False),  # host:pid
    Column("started", Float, nullable=False),  # two starts of a name differ in it
    Column("queues", JSON, nullable=False),  # names of queues that it serves
    Column("slots", Integer, nullable=False),  # tasks that it does side by side
    Column("seen_at", Float, nullable=False),  # its last sign of life
    Column("stands_until", Float, nullable=False),  # after this it counts no more
    Column("down", WORD),  # why it is down; None while it is up
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", ID, primary_key=True),  # sha256 of the message
    Column("queue", WORD, nullable=False),
    Column("task", Text),  # its name, where the message can be read
    Column("run_id", ID),
    Column("unit", String(128)),
    Column("reason", Text, nullable=False),  # why it was taken out of its queue
    Column("message", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", ID, primary_key=True),
    Column("path", Text, nullable=False),  # where it was, relative to the state directory
    Column("moved_to", Text, nullable=False),
    Column("expected", ID),  # sha256 that the ledger knows
    Column("reason", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

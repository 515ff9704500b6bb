"""Workers and their signs of life; events by kind, so that the newest of a kind are found at once."""

from __future__ import annotations

import json
import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: A worker that was started by an earlier program gives no sign of life; it counts for so long, as
#: one that has just given its last (cluster.stage_stale_seconds by default).
STANDS_SECONDS = 60.0


def upgrade() -> None:
    """Make table and index; the workers whose last event said that they are up have a row."""
    nodes = op.create_table(
        "nodes",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("queues", sa.JSON(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("stands_until", sa.Float(), nullable=False),
        sa.Column("down", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_nodes")),
    )
    op.create_index("ix_events_kind_seq", "events", ["kind", "seq"])
    rows = _up(op.get_bind())
    if rows:
        op.bulk_insert(nodes, rows)


def _up(conn: sa.Connection) -> list[dict[str, Any]]:
    """The workers that are up, as far as their events tell."""
    found: dict[str, dict[str, Any]] = {}
    told = sa.text(
        "SELECT kind, payload, created_at FROM events"
        " WHERE kind IN ('NODE_UP', 'NODE_DOWN') ORDER BY seq"
    )
    until = time.time() + STANDS_SECONDS
    for kind, payload, at in conn.execute(told):
        about = json.loads(payload) if isinstance(payload, str) else payload
        try:
            row = {key: about[key] for key in ("process", "started", "queues", "slots")}
            row["name"] = about["node"]
        except (KeyError, TypeError):  # no such event: passed over, as everywhere
            continue
        if kind == "NODE_UP":
            found[row["name"]] = {**row, "seen_at": at, "stands_until": until, "down": None}
        elif found.get(row["name"], row)["started"] == row["started"]:
            found.pop(row["name"], None)
    return list(found.values())


def downgrade() -> None:
    """Drop them: the events say the same."""
    op.drop_index("ix_events_kind_seq", "events")
    op.drop_table("nodes")

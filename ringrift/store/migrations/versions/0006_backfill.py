"""Backfill runs: games beside an iteration that trains or is judged. One iteration of a config is open, as before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_runs = sa.table("runs", sa.column("state", sa.String), sa.column("backfill", sa.Boolean))


def upgrade() -> None:
    """Add the column; every run so far is an iteration."""
    op.drop_index("ix_runs_one_open", "runs")
    op.add_column(
        "runs", sa.Column("backfill", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _one_open("state = 'open' AND NOT backfill")


def downgrade() -> None:
    """Drop the column: what is left of backfill runs are iterations that trained nothing. Refused while one is open."""
    open_ones = sa.select(sa.func.count()).where(_runs.c.state == "open", _runs.c.backfill)
    if op.get_bind().scalar(open_ones):
        raise RuntimeError("backfill runs are open: let the workers bring them to their end first")
    op.drop_index("ix_runs_one_open", "runs")
    op.drop_column("runs", "backfill")
    _one_open("state = 'open'")


def _one_open(where: str) -> None:
    op.create_index(
        "ix_runs_one_open",
        "runs",
        ["config"],
        unique=True,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )

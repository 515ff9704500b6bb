"""The parity gate: why a game must not be learned from, and a stage between sync and export.

Places of stages are numbers, so those behind the new stage move up by one. Runs that are open now
have no row of the new stage and go on without it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Place of the new stage.
PARITY = 2

_stages = sa.table("stages", sa.column("stage", sa.String), sa.column("position", sa.Integer))


def upgrade() -> None:
    """Add the column, move later stages up."""
    op.add_column("games", sa.Column("fault", sa.Text(), nullable=True))
    op.execute(
        _stages.update().where(_stages.c.position >= PARITY).values(position=_stages.c.position + 1)
    )


def downgrade() -> None:
    """Drop the column and the stage, move later stages down."""
    op.execute(_stages.delete().where(_stages.c.stage == "parity"))
    op.execute(
        _stages.update().where(_stages.c.position > PARITY).values(position=_stages.c.position - 1)
    )
    op.drop_column("games", "fault")

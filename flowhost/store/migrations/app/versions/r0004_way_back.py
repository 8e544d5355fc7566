"""The way back from a version that was put on the canvas."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("draft_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("way_back", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("draft_batch", schema=None) as batch_op:
        batch_op.drop_column("way_back")

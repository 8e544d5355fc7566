"""What an alarm says once it is over."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.add_column(sa.Column("past", sa.String(), server_default=sa.text("''"), nullable=False))


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.drop_column("past")

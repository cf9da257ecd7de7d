"""The photo of a couple."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from duet.database import Base


class Photo(Base):
    """The photo on the home page; another takes its place. key: in the media bucket."""

    __tablename__ = "photo"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["couple_id", "person_id"], ["member.couple_id", "member.person_id"], ondelete="CASCADE"
        ),
        sa.CheckConstraint("size > 0", name="size_positive"),
        sa.CheckConstraint("key like 'photos/' || couple_id || '/%'", name="key_of_couple"),
    )

    couple_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.BigInteger)
    key: Mapped[str] = mapped_column(sa.String(200), unique=True)
    content_type: Mapped[str] = mapped_column(sa.String(40))
    size: Mapped[int]
    taken_in_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())

"""How somebody feels on a day."""

from datetime import date, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from duet.database import Base


class Feeling(StrEnum):
    """The moods there are."""

    LOVED = "loved"
    HAPPY = "happy"
    CALM = "calm"
    TIRED = "tired"
    SAD = "sad"
    CROSS = "cross"


class Mood(Base):
    """A person's mood of a day; saying another replaces it."""

    __tablename__ = "mood"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["couple_id", "person_id"], ["member.couple_id", "member.person_id"], ondelete="CASCADE"
        ),
        sa.CheckConstraint(
            "feeling in ({})".format(", ".join(f"'{feeling}'" for feeling in Feeling)), name="feeling_known"
        ),
    )

    couple_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    feeling: Mapped[str] = mapped_column(sa.String(16))
    note: Mapped[str] = mapped_column(sa.String(140), server_default="")
    said_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())

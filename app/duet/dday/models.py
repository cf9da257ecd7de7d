"""Days of their own."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from duet.database import Base


class Dday(Base):
    """A day that a couple counts to; the same one entered twice is one."""

    __tablename__ = "dday"
    __table_args__ = (
        sa.UniqueConstraint("couple_id", "day", "title"),
        sa.CheckConstraint("length(trim(title)) > 0", name="title_present"),
    )

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    couple_id: Mapped[int] = mapped_column(sa.ForeignKey("couple.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(sa.String(60))
    day: Mapped[date]

"""A couple, its two members, and the invites that make one."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from duet.database import Base


class Couple(Base):
    """Two people. start_date: day 1, None until they say it.

    A constraint trigger (see the migration) lets no transaction commit that leaves other than two members.
    """

    __tablename__ = "couple"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    start_date: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())


class Member(Base):
    """A person's seat in a couple: nobody has two, and no couple a third."""

    __tablename__ = "member"
    __table_args__ = (
        sa.UniqueConstraint("couple_id", "seat"),
        # What belongs to a person within a couple refers to both, so that it cannot belong to another couple's.
        sa.UniqueConstraint("couple_id", "person_id"),
        sa.CheckConstraint("seat in (1, 2)", name="seat_one_or_two"),
    )

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    couple_id: Mapped[int] = mapped_column(sa.ForeignKey("couple.id", ondelete="CASCADE"))
    seat: Mapped[int] = mapped_column(sa.SmallInteger)


class Invite(Base):
    """A person's open invite; there is one to a person."""

    __tablename__ = "invite"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(sa.String(8), unique=True)
    expires_at: Mapped[datetime]

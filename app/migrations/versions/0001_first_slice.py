"""People, couples, days, moods, photos."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Deferred: within a transaction a couple may have any number of members, at its end it has two or does not exist.
# The couple is locked, so that two transactions that touch the members of one wait for each other.
TWO_MEMBERS = """
create function couple_has_two_members() returns trigger language plpgsql as $$
declare
  touched bigint;
  members integer;
begin
  for touched in
    select distinct id from unnest(case
      when tg_table_name = 'couple' then array[(to_jsonb(new)->>'id')::bigint]
      when tg_op = 'DELETE' then array[(to_jsonb(old)->>'couple_id')::bigint]
      when tg_op = 'INSERT' then array[(to_jsonb(new)->>'couple_id')::bigint]
      else array[(to_jsonb(old)->>'couple_id')::bigint, (to_jsonb(new)->>'couple_id')::bigint]
    end) as id
  loop
    perform 1 from couple where couple.id = touched for update;
    if found then
      select count(*) into members from member where member.couple_id = touched;
      if members <> 2 then
        raise exception 'couple % has % members, not 2', touched, members
          using errcode = 'check_violation', constraint = 'couple_has_two_members';
      end if;
    end if;
  end loop;
  return null;
end $$
"""


def upgrade() -> None:
    """Make all tables of the first slice."""
    _people()
    _couples()
    _belongings()


def downgrade() -> None:
    """Remove them, with all that is in them."""
    for table in ("photo", "mood", "dday", "invite", "member", "couple", "person"):
        op.drop_table(table)
    op.execute("drop function couple_has_two_members()")


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("email", name="uq_person_email"),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_person_email_lower")),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_person_name_present")),
    )


def _couples() -> None:
    op.create_table(
        "couple",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("start_date", sa.Date, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_couple"),
    )
    op.create_table(
        "member",
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("couple_id", sa.BigInteger, nullable=False),
        sa.Column("seat", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_member"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_member_person_id_person", ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["couple_id"], ["couple.id"], name="fk_member_couple_id_couple", ondelete="CASCADE"),
        sa.UniqueConstraint("couple_id", "seat", name="uq_member_couple_id_seat"),
        sa.UniqueConstraint("couple_id", "person_id", name="uq_member_couple_id_person_id"),
        sa.CheckConstraint("seat in (1, 2)", name=op.f("ck_member_seat_one_or_two")),
    )
    op.execute(TWO_MEMBERS)
    for table, events in (("couple", "insert"), ("member", "insert or update or delete")):
        op.execute(
            f"create constraint trigger couple_has_two_members after {events} on {table} "
            "deferrable initially deferred for each row execute function couple_has_two_members()"
        )
    op.create_table(
        "invite",
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("code", sa.String(8), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_invite"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_invite_person_id_person", ondelete="CASCADE"),
        sa.UniqueConstraint("code", name="uq_invite_code"),
    )


def _belongings() -> None:
    op.create_table(
        "dday",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("couple_id", sa.BigInteger, nullable=False),
        sa.Column("title", sa.String(60), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dday"),
        sa.ForeignKeyConstraint(["couple_id"], ["couple.id"], name="fk_dday_couple_id_couple", ondelete="CASCADE"),
        sa.UniqueConstraint("couple_id", "day", "title", name="uq_dday_couple_id_day_title"),
        sa.CheckConstraint("length(trim(title)) > 0", name=op.f("ck_dday_title_present")),
    )
    op.create_table(
        "mood",
        sa.Column("couple_id", sa.BigInteger, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("feeling", sa.String(16), nullable=False),
        sa.Column("note", sa.String(140), server_default="", nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("couple_id", "person_id", "day", name="pk_mood"),
        _of_member("mood"),
        sa.CheckConstraint(
            "feeling in ('loved', 'happy', 'calm', 'tired', 'sad', 'cross')", name=op.f("ck_mood_feeling_known")
        ),
    )
    op.create_table(
        "photo",
        sa.Column("couple_id", sa.BigInteger, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("content_type", sa.String(40), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("taken_in_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("couple_id", name="pk_photo"),
        sa.UniqueConstraint("key", name="uq_photo_key"),
        _of_member("photo"),
        sa.CheckConstraint("size > 0", name=op.f("ck_photo_size_positive")),
        sa.CheckConstraint("key like 'photos/' || couple_id || '/%'", name=op.f("ck_photo_key_of_couple")),
    )


def _of_member(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["couple_id", "person_id"],
        ["member.couple_id", "member.person_id"],
        name=f"fk_{table}_couple_id_person_id_member",
        ondelete="CASCADE",
    )

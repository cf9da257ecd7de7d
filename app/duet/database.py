"""The database: one pool a process, one session a request."""

from datetime import datetime

import sqlalchemy as sa
from flask import Flask, current_app, g
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from duet.settings import DatabaseSettings

CONNECT_SECONDS = 3
STATEMENT_MILLISECONDS = 5000
_EXTENSION = "duet.database"


class Base(DeclarativeBase):
    """Base of all tables; constraints are named, so that migrations can name them too."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: sa.DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's own name and form


def make_engine(settings: DatabaseSettings, *, statement_timeout: int = STATEMENT_MILLISECONDS) -> sa.Engine:
    """An engine that checks a pooled connection before use, so that a failover costs a retry and no error page.

    statement_timeout: milliseconds; 0 for none.
    """
    url = sa.URL.create(
        "postgresql+psycopg",
        username=settings.user,
        password=settings.password,
        host=settings.host,
        port=settings.port,
        database=settings.name,
    )
    arguments: dict[str, str | int] = {
        "sslmode": settings.ssl_mode,
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "duet",
        "options": f"-c statement_timeout={statement_timeout} -c idle_in_transaction_session_timeout=30000",
        # A connection to a node that vanished without a word is given up after some seconds, not hours.
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 15,
        # During a failover the endpoint may still lead to a node that only reads.
        "target_session_attrs": "read-write",
    }
    if settings.ssl_mode.startswith("verify-"):
        arguments["sslrootcert"] = settings.root_certificates
    engine = sa.create_engine(
        url,
        connect_args=arguments,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=5,
        pool_recycle=1800,
        # What people wrote stays out of the logs.
        hide_parameters=True,
    )
    sa.event.listen(engine, "handle_error", _drop_if_demoted)
    return engine


def _drop_if_demoted(context: ExceptionContext) -> None:
    """Let go of a connection whose node became a standby: it would refuse every write from now on."""
    if isinstance(context.original_exception, ReadOnlySqlTransaction):
        context.is_disconnect = True


def init_app(app: Flask, settings: DatabaseSettings) -> None:
    """Give the app its pool; nothing is connected yet."""
    app.extensions[_EXTENSION] = sessionmaker(make_engine(settings), expire_on_commit=False)
    app.teardown_appcontext(_close)


def session() -> Session:
    """The session of this request; what is not committed is rolled back at its end."""
    if "database_session" not in g:
        maker: sessionmaker[Session] = current_app.extensions[_EXTENSION]
        g.database_session = maker()
    opened: Session = g.database_session
    return opened


def ping() -> None:
    """Ask the database for an answer; raise sqlalchemy.exc.SQLAlchemyError when there is none."""
    session().execute(sa.text("select 1"))
    session().rollback()


def _close(_error: BaseException | None) -> None:
    opened: Session | None = g.pop("database_session", None)
    if opened is not None:
        opened.close()

"""Runs migrations on the database that the environment names, one runner at a time, all or nothing."""

import logging
import os
import sys

import sqlalchemy as sa
from alembic import context
from duet.database import make_engine
from duet.errors import ConfigurationError
from duet.models import Base
from duet.observability import JsonFormatter
from duet.settings import database_from_environment

# Any number will do, as long as every runner takes the same.
LOCK = 0x64756574
LOCK_TIMEOUT = "60s"


def run() -> None:
    """Migrate within one transaction that holds the lock: a second runner waits and then finds nothing to do."""
    engine = make_engine(database_from_environment(os.environ), statement_timeout=0)
    with engine.begin() as connection:
        connection.execute(sa.text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def log_as_json() -> None:
    """Let what Alembic says be one JSON object a line, as the app's own logs are."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(os.environ.get("RELEASE", "development")))
    logger = logging.getLogger("alembic")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)


log_as_json()
try:
    run()
except (ConfigurationError, sa.exc.OperationalError) as error:
    print(f"duet cannot migrate: {str(error).splitlines()[0]}", file=sys.stderr)
    sys.exit(1)

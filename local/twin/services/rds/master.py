"""The master user: what RDS gives it, and what it may not be.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
"""

import psycopg
from psycopg import sql

from twin.engines.postgres import Node

_GROUP = "rds_superuser"
_MEMBERSHIPS = ("pg_monitor", "pg_signal_backend", "pg_checkpoint", "pg_use_reserved_connections")


def prepare(primary: Node, master: str, password: str, database: str) -> None:
    """Make the role, give it the password, and make its database; what is there already stays.

    Raises psycopg.Error when the server does not answer or refuses.
    """
    with psycopg.connect(primary.conninfo(), autocommit=True) as connection:
        _group(connection)
        # The server gets a verifier only: no statement log of it ever shows the password.
        verifier = connection.pgconn.encrypt_password(password.encode(), master.encode(), b"scram-sha-256").decode()
        verb = "alter" if _has(connection, "pg_roles", "rolname", master) else "create"
        connection.execute(
            sql.SQL(f"{verb} role {{}} with login createdb createrole inherit nosuperuser password {{}}").format(
                sql.Identifier(master), sql.Literal(verifier)
            )
        )
        connection.execute(sql.SQL("grant {} to {} with admin option").format(_name(_GROUP), _name(master)))
        for name in {database, "postgres"} - {""}:
            verb = "alter" if _has(connection, "pg_database", "datname", name) else "create"
            owned = " owner to {}" if verb == "alter" else " owner {}"
            connection.execute(sql.SQL(f"{verb} database {{}}{owned}").format(_name(name), _name(master)))


def _group(connection: psycopg.Connection) -> None:
    if not _has(connection, "pg_roles", "rolname", _GROUP):
        connection.execute(sql.SQL("create role {} nologin").format(_name(_GROUP)))
    for role in _MEMBERSHIPS:
        connection.execute(sql.SQL("grant {} to {} with admin option").format(_name(role), _name(_GROUP)))


def _has(connection: psycopg.Connection, table: str, column: str, name: str) -> bool:
    query = sql.SQL("select 1 from {} where {} = {}").format(_name(table), _name(column), sql.Literal(name))
    return connection.execute(query).fetchone() is not None


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)

"""`/healthz` for the balancer, `/readyz` for whoever wants to know what is missing."""

import redis
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy.exc import SQLAlchemyError

from duet import cache, database

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process answers. It asks nothing else: a database failing over must not get every task replaced."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> Response:
    """200 when database and cache answer, else 503; the body names which does not, the log says why."""
    states = {"database": _database(), "cache": _cache()}
    response = jsonify(states)
    response.status_code = 200 if set(states.values()) == {"ok"} else 503
    return response


def _database() -> str:
    try:
        database.ping()
    except SQLAlchemyError as error:
        current_app.logger.warning("the database does not answer: %s", error)
        return f"failed: {type(error).__name__}"
    return "ok"


def _cache() -> str:
    try:
        cache.ping()
    except redis.RedisError as error:
        current_app.logger.warning("the cache does not answer: %s", error)
        return f"failed: {type(error).__name__}"
    return "ok"

"""What a person sees when something went wrong."""

from http import HTTPStatus

import redis
from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from duet.errors import TooManyAttempts


def init_app(app: Flask) -> None:
    """Show a page in the person's language for each kind of failure."""

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        # A session is opened before a view is found: its failure arrives here, wrapped.
        cause = getattr(error, "original_exception", None)
        if isinstance(cause, redis.RedisError):
            return dependency(cause)
        return page(error.code or 500, _text(error.code or 500))

    @app.errorhandler(CSRFError)
    def foreign_form(_error: CSRFError) -> Response:
        return page(400, _("This form is out of date. Please go back, reload the page and try again."))

    @app.errorhandler(TooManyAttempts)
    def too_many(error: TooManyAttempts) -> Response:
        minutes = -(-error.seconds // 60)
        response = page(429, _("Too many attempts. Please try again in %(minutes)s minutes.", minutes=minutes))
        response.headers["Retry-After"] = str(error.seconds)
        return response

    @app.errorhandler(redis.RedisError)
    @app.errorhandler(OperationalError)
    @app.errorhandler(PoolTimeout)
    @app.errorhandler(BotoCoreError)
    @app.errorhandler(ClientError)
    def dependency(error: Exception) -> Response:
        app.logger.error("something the app depends on does not answer: %s", type(error).__name__, exc_info=error)
        response = page(503, _text(503))
        response.headers["Retry-After"] = "5"
        return response

    @app.errorhandler(DBAPIError)
    def database_error(error: DBAPIError) -> Response:
        # A connection that was lost, as in a failover, is the dependency's; anything else is a mistake of ours.
        if error.connection_invalidated:
            return dependency(error)
        app.logger.error("the database refused what was asked", exc_info=error)
        return page(500, _text(500))


def page(status: int, text: str) -> Response:
    """The failure as a page, or as JSON to a script."""
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        response = jsonify(error=text)
    else:
        response = make_response(render_template("failure.html", status=status, text=text))
    response.status_code = status
    return response


def _text(status: int) -> str:
    text: str
    match status:
        case 403:
            text = _("This page is not for you.")
        case 404:
            text = _("There is nothing here.")
        case 503:
            text = _("Duet is catching its breath. Please try again in a moment.")
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            text = _("That did not work.")
        case _:
            text = _("Something went wrong on our side. It has been noted.")
    return text

"""Duet, an app for two: the app is put together here, and nothing is decided here.

One blueprint package per feature (routes, forms, service, models, templates beside them). The app knows AWS only by
boto3 and its environment; it never asks which environment that is.
"""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from duet import assets, cache, database, failures, i18n, mail, observability, security, sessions, storage
from duet.accounts.routes import blueprint as accounts
from duet.couple.routes import blueprint as couple
from duet.dday.routes import blueprint as dday
from duet.health.routes import blueprint as health
from duet.home.routes import blueprint as home
from duet.mood.routes import blueprint as mood
from duet.photo.routes import blueprint as photo
from duet.settings import Settings

MAXIMUM_FORM_BYTES = 64 * 1024


def create_app(settings: Settings) -> Flask:
    """The app with everything it needs; nothing is connected before the first request."""
    app = Flask(__name__, static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        # Photos go straight to the bucket: no request of ours is large.
        MAX_CONTENT_LENGTH=MAXIMUM_FORM_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        APP_ORIGIN=settings.app_origin,
        ATTEMPTS_PER_ADDRESS=settings.attempts_per_address,
    )
    # One balancer stands before the app. The host is the browser's own, so its port needs no mending.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    observability.init_app(app, settings.release)
    database.init_app(app, settings.database)
    cache.init_app(app, settings.redis)
    sessions.init_app(app)
    storage.init_app(app, settings.storage)
    security.init_app(app)
    mail.init_app(app, settings)
    i18n.init_app(app)
    assets.init_app(app)
    failures.init_app(app)
    for feature in (health, home, accounts, couple, dday, mood, photo):
        app.register_blueprint(feature)
    return app

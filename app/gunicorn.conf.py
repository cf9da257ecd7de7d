"""gunicorn's settings; what differs between environments comes from theirs."""

import gc
import os

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

wsgi_app = "duet.wsgi:make()"
bind = os.environ.get("GUNICORN_BIND", "0.0.0.0:8080")
# Loaded once, before the workers part: they share its memory. Nothing is connected before the first request.
preload_app = True
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
# Longer than the balancer's idle timeout of 60 s, or it would meet connections that are just being closed.
keepalive = 75
timeout = 30
graceful_timeout = 25
# Heartbeats in memory: a slow disk must not look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
control_socket_disable = True


def pre_fork(server: Arbiter, worker: Worker) -> None:  # noqa: ARG001 - gunicorn's form
    """Let the collector leave alone what was loaded before: it would write to the pages that workers share."""
    gc.freeze()


logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "duet.observability.JsonFormatter", "release": os.environ.get("RELEASE", "development")}
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"level": "WARNING", "handlers": ["stdout"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["stdout"], "propagate": False}},
}

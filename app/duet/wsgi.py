"""What gunicorn loads: the app configured by the environment."""

import os
import sys

from flask import Flask

from duet import create_app
from duet.errors import ConfigurationError
from duet.settings import from_environment


def make() -> Flask:
    """The app; a wrong environment ends the process with one line that names the variable."""
    try:
        return create_app(from_environment(os.environ))
    except ConfigurationError as error:
        print(f"duet cannot start: {error}", file=sys.stderr)
        # 4 is gunicorn's own code for an app that cannot be loaded: its master then ends too.
        sys.exit(4)

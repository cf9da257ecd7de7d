"""What LocalStack loads at start: light entry points only, everything heavy is imported inside them."""

from localstack.runtime import hooks


@hooks.on_infra_start(priority=100)
def twin_guard() -> None:
    """Before anything else starts: no process outlives the twin, and nothing listens but on loopback."""
    from twin.keeper import guard
    from twin.loopback import listen_on_loopback_only

    guard()
    listen_on_loopback_only()


@hooks.on_infra_start(priority=90)
def twin_routes() -> None:
    """Let the gateway answer for the twin itself, under /_twin/."""
    from twin.routes import add_routes

    add_routes()


@hooks.on_infra_ready(priority=-100)
def twin_ready() -> None:
    """After everything else has started: from now on the twin says that it is healthy."""
    from twin.routes import say_ready

    say_ready()

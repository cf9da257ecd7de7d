"""What LocalStack loads at start: light entry points only, everything heavy is imported inside them."""

import os

from localstack.runtime import hooks
from localstack.services.plugins import Service, aws_provider


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


@hooks.on_infra_start(priority=-50)
def twin_restore() -> None:
    """After LocalStack's own start: bring back what the control plane knew."""
    from twin.persistence.install import install, let_go
    from twin.persistence.snapshot import restore
    from twin.services.common.inputs import install as install_inputs
    from twin.services.ec2.default_group import install as install_default_group
    from twin.services.iam.doors import install as install_doors
    from twin.services.iam.gate import install as install_gate
    from twin.services.iam.routes import add_routes
    from twin.services.iam.templates import install as install_templates
    from twin.services.logs.metrics import install as install_metrics
    from twin.services.network.gateway import install as install_network
    from twin.services.s3.access import install as install_access

    install()
    install_doors()
    install_access()
    install_inputs()
    # A call that gets no way is never seen by whoever would decide it.
    install_network(let_go)
    install_gate()
    install_templates()
    add_routes()
    install_metrics()
    install_default_group()
    restore()


@hooks.on_infra_ready(priority=-50)
def twin_controllers() -> None:
    """After LocalStack is up: start every slice's controller."""
    from twin.persistence.snapshot import start
    from twin.services.slices import start_controllers

    start_controllers()
    start()


@hooks.on_infra_shutdown(priority=100)
def twin_stop() -> None:
    """Before LocalStack goes: write down what it knows, and end in order what the controllers run."""
    from twin.persistence.snapshot import take_last
    from twin.services.iam.gate import save
    from twin.services.slices import stop_controllers

    take_last()
    save()
    stop_controllers()
    # What LocalStack would still stop, for seconds, holds nothing that is needed again.
    os._exit(0)


@aws_provider(api="cloudformation", name="twin")
def cloudformation() -> Service:
    """CloudFormation with the twin's types and checks."""
    from twin.services.cloudformation.provider import CloudFormation

    return Service.for_provider(CloudFormation())


@aws_provider(api="events", name="twin")
def events() -> Service:
    """EventBridge with schedules that fire when they are due, and tasks as targets."""
    from twin.services.events.provider import serve

    return serve()


@aws_provider(api="ecr")
def ecr() -> Service:
    """Repositories and process images."""
    from twin.services.slices import service

    return service("ecr")


@aws_provider(api="ecs")
def ecs() -> Service:
    """Clusters, services, tasks."""
    from twin.services.slices import service

    return service("ecs")


@aws_provider(api="elbv2")
def elbv2() -> Service:
    """Load balancers."""
    from twin.services.slices import service

    return service("elbv2")


@aws_provider(api="rds")
def rds() -> Service:
    """Databases."""
    from twin.services.slices import service

    return service("rds")


@aws_provider(api="elasticache")
def elasticache() -> Service:
    """Caches."""
    from twin.services.slices import service

    return service("elasticache")

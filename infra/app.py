"""The CDK app of one environment: what the CDK CLI runs, with `-c environment=<name>` or DUET_ENVIRONMENT."""

import os
import sys
from pathlib import Path

from aws_cdk import App, Environment, Tags, Validations
from cdk_nag import AwsSolutionsChecks

from infra.errors import InfraError
from infra.settings import REGION, Settings, settings
from infra.stacks.data import DataStack
from infra.stacks.network import NetworkStack
from infra.stacks.release import ReleaseStack
from infra.stacks.service import ServiceStack
from infra.stacks.storage import StorageStack

# Here and not in cdk.json, so that synthesis without the CDK CLI writes the same templates.
_FEATURES = {
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:checkSecretUsage": True,
    "@aws-cdk/core:target-partitions": ["aws"],
    "@aws-cdk/aws-ecs:removeDefaultDeploymentAlarm": True,
    "@aws-cdk/aws-ecs:disableExplicitDeploymentControllerForCircuitBreaker": False,
    "@aws-cdk/aws-rds:databaseProxyUniqueResourceName": True,
    "@aws-cdk/customresources:installLatestAwsSdkDefault": False,
}


def new_app(*, outdir: Path | None = None) -> App:
    """Return an empty app that writes its assembly into `outdir` (as the CLI wishes, by default)."""
    return App(
        outdir=str(outdir) if outdir else None, context=_FEATURES, analytics_reporting=False, tree_metadata=False
    )


def compose(app: App, of: Settings) -> None:
    """Put the stacks of an environment into `app`, in the order of their deployment.

    The account is left open: the same templates go to any, and synthesis needs no credentials.
    """
    env = Environment(region=REGION)
    network = NetworkStack(app, of.stack_name("network"), settings=of, env=env)
    data = DataStack(app, of.stack_name("data"), settings=of, network=network, env=env)
    storage = StorageStack(app, of.stack_name("storage"), settings=of, env=env)
    release = ReleaseStack(
        app, of.stack_name("release"), settings=of, network=network, data=data, storage=storage, env=env
    )
    service = ServiceStack(
        app,
        of.stack_name("service"),
        settings=of,
        network=network,
        data=data,
        storage=storage,
        release=release,
        env=env,
    )
    service.add_stack_dependency(release, "the schema is migrated between the two")
    Tags.of(app).add("project", "duet")
    Tags.of(app).add("environment", of.name)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> int:
    """Synthesize the environment that the CLI asks for."""
    app = new_app()
    name = app.node.try_get_context("environment") or os.environ.get("DUET_ENVIRONMENT", "")
    try:
        compose(app, settings(str(name)))
    except InfraError as error:
        print(f"infra: {error}", file=sys.stderr)
        return 1
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())

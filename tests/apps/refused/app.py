"""An app with something that the twin does not make."""

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from constructs import Construct


class Refused(cdk.Stack):
    """A queue of jobs."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        order = batch.CfnJobQueue.ComputeEnvironmentOrderProperty(compute_environment="any", order=1)
        batch.CfnJobQueue(self, "Jobs", priority=1, compute_environment_order=[order])


app = cdk.App()
Refused(app, "Refused")
app.synth()

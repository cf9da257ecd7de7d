"""A task that runs every minute, with a secret and a parameter."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_ecs_patterns as patterns
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_ssm as ssm
from constructs import Construct

HERE = Path(__file__).resolve().parent


class Report(cdk.Stack):
    """Each run leaves an object that holds what the secret and the parameter said."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        bucket = s3.Bucket(self, "Reports", removal_policy=cdk.RemovalPolicy.DESTROY)
        secret = secrets.Secret(self, "Token", description="of the reports")
        title = ssm.StringParameter(self, "Title", string_value="weekly")
        scheduled = patterns.ScheduledFargateTask(
            self,
            "Every",
            vpc=vpc,
            schedule=scaling.Schedule.rate(cdk.Duration.minutes(1)),
            scheduled_fargate_task_image_options=patterns.ScheduledFargateTaskImageOptions(
                image=ecs.ContainerImage.from_asset(str(HERE / "report")),
                environment={"BUCKET": bucket.bucket_name},
                secrets={
                    "TOKEN": ecs.Secret.from_secrets_manager(secret),
                    "TITLE": ecs.Secret.from_ssm_parameter(title),
                },
            ),
        )
        bucket.grant_put(scheduled.task_definition.task_role)
        cdk.CfnOutput(self, "BucketName", value=bucket.bucket_name)


app = cdk.App()
Report(app, "Report")
app.synth()

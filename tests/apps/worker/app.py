"""A worker that reads a queue, with a helper beside it in the same task."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

HERE = Path(__file__).resolve().parent


class Worker(cdk.Stack):
    """What the queue brings is counted by the sidecar and kept in the bucket, what is no text in the other queue."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        cluster = ecs.Cluster(self, "Cluster", vpc=vpc)
        rest = sqs.Queue(self, "Rest")
        queue = sqs.Queue(
            self,
            "Queue",
            visibility_timeout=cdk.Duration.seconds(5),
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=2, queue=rest),
        )
        bucket = s3.Bucket(self, "Done", removal_policy=cdk.RemovalPolicy.DESTROY)
        task = ecs.FargateTaskDefinition(self, "Task", cpu=256, memory_limit_mib=512)
        task.add_container(
            "counter",
            image=ecs.ContainerImage.from_asset(str(HERE / "counter")),
            logging=ecs.LogDrivers.aws_logs(stream_prefix="counter"),
        )
        task.add_container(
            "worker",
            image=ecs.ContainerImage.from_asset(str(HERE / "worker")),
            environment={"QUEUE": queue.queue_url, "BUCKET": bucket.bucket_name},
            logging=ecs.LogDrivers.aws_logs(stream_prefix="worker"),
        )
        queue.grant_consume_messages(task.task_role)
        bucket.grant_put(task.task_role)
        ecs.FargateService(
            self, "Service", cluster=cluster, task_definition=task, desired_count=1, min_healthy_percent=100
        )
        cdk.CfnOutput(self, "QueueUrl", value=queue.queue_url)
        cdk.CfnOutput(self, "RestUrl", value=rest.queue_url)
        cdk.CfnOutput(self, "BucketName", value=bucket.bucket_name)


app = cdk.App()
Worker(app, "Worker")
app.synth()

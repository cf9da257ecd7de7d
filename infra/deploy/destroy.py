"""Removes an environment, the last stack first. What holds data and is meant to be kept stays behind, and is named."""

from collections.abc import Callable, Sequence

from infra.deploy import change_sets, stacks
from infra.deploy.assembly import Stack
from infra.deploy.aws import Aws
from infra.deploy.progress import Progress
from infra.deploy.situation import Situation, situation
from infra.deploy.stacks import Happening, Watch
from infra.errors import DeployError


def destroy(aws: Aws, all_stacks: Sequence[Stack], progress: Progress) -> list[str]:
    """Delete the stacks that exist; return what their templates retain, as `type physical-id (how)`.

    Protection against deletion is lifted: whoever calls this has asked the user.
    """
    kept: list[str] = []
    for stack in reversed(all_stacks):
        with progress.step(stack.part) as step:
            watch = Watch(aws, stack.name)
            deployed = stacks.look(aws, stack.name)
            if deployed is not None and situation(deployed.status) is Situation.WAIT:
                deployed = stacks.settle(aws, stack.name, watch=watch)
            if deployed is None or deployed.status == "DELETE_COMPLETE":
                step.detail = "not there"
                continue
            kept += _open(aws, stack)
            change_sets.remove(aws, stack.name, watch=watch, heard=_hear(stack, step.note))
            step.detail = "removed"
    return kept


def _hear(stack: Stack, note: Callable[[str], None]) -> Callable[[Happening], None]:
    def hear(happening: Happening) -> None:
        note(f"{happening.status} {stack.shown(happening.logical_id)} ({happening.type})")

    return hear


def _open(aws: Aws, stack: Stack) -> list[str]:
    """Lift what protects a stack's resources, empty the buckets that go; return what stays."""
    aws.cloudformation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)
    pages = aws.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    kept = []
    for summary in (each for page in pages for each in page["StackResourceSummaries"]):
        physical = summary.get("PhysicalResourceId", "")
        policy = stack.template["Resources"].get(summary["LogicalResourceId"], {}).get("DeletionPolicy", "Delete")
        if not physical or summary["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        _unprotect(aws, summary["ResourceType"], physical)
        if policy == "Delete" and summary["ResourceType"] == "AWS::S3::Bucket":
            empty(aws, physical)
        if policy != "Delete":
            how = "a last snapshot" if policy == "Snapshot" else "as it is"
            kept.append(f"{summary['ResourceType']} {physical} ({how})")
    return kept


def _unprotect(aws: Aws, type_: str, physical: str) -> None:
    if type_ == "AWS::ElasticLoadBalancingV2::LoadBalancer":
        aws.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=physical, Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}]
        )
    if type_ == "AWS::RDS::DBInstance":
        aws.rds.modify_db_instance(DBInstanceIdentifier=physical, DeletionProtection=False, ApplyImmediately=True)


def empty(aws: Aws, bucket: str) -> None:
    """Delete every object of a bucket, all versions included; CloudFormation deletes empty buckets only.

    Raises DeployError with the first object that cannot be deleted.
    """
    for page in aws.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if entries:
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in entries]
            answer = aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})  # type: ignore[typeddict-item]
            for error in answer.get("Errors", []):
                raise DeployError(f"{bucket}/{error.get('Key')} could not be deleted: {error.get('Message')}")

"""The app's own image repository: tags never move, every push is scanned, old images go."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from constructs import Construct

_IMAGES_KEPT = 30


class ImageRepository(ecr.Repository):
    """The repository that tasks pull from, by digest."""

    def __init__(self, scope: Construct, id_: str, *, keep_data: bool) -> None:
        super().__init__(
            scope,
            id_,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1,
                    description="What lost its tag goes after a week",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=Duration.days(7),
                ),
                ecr.LifecycleRule(
                    rule_priority=2,
                    description=f"The last {_IMAGES_KEPT} images stay, far more than a rollback needs",
                    tag_status=ecr.TagStatus.ANY,
                    max_image_count=_IMAGES_KEPT,
                ),
            ],
            removal_policy=RemovalPolicy.RETAIN if keep_data else RemovalPolicy.DESTROY,
            empty_on_delete=None if keep_data else True,
        )

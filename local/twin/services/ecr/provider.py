"""ECR's API: what moto keeps truly is answered by it."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from botocore.exceptions import ClientError

from twin.core.timeline import emit
from twin.core.world import world
from twin.services.common.api import (
    ACCOUNT,
    Json,
    Provider,
    RequestContext,
    call_moto,
    call_moto_with_request,
    client,
    fault,
    operation,
)
from twin.services.ecr.lifecycle import Pushed, expired

MOST_DELETED = 100


class Ecr(Provider):
    """The operations that the twin does."""

    service: ClassVar[str] = "ecr"
    moto: ClassVar[tuple[str, ...]] = (
        "CreateRepository", "DescribeRepositories", "DeleteRepository", "BatchGetImage", "DescribeImages",
        "ListImages", "BatchDeleteImage", "PutImageTagMutability", "PutImageScanningConfiguration",
        "GetLifecyclePolicy", "DeleteLifecyclePolicy", "SetRepositoryPolicy", "GetRepositoryPolicy",
        "DeleteRepositoryPolicy", "TagResource", "UntagResource", "ListTagsForResource",
    )  # fmt: skip

    @operation("PutImage")
    def put_image(self, context: RequestContext, request: Json) -> Json:
        """Keep a manifest under its own digest, which a client may name but not choose."""
        digest = f"sha256:{hashlib.sha256(request['imageManifest'].encode()).hexdigest()}"
        if request.get("imageDigest") not in (None, digest):
            raise fault("ImageDigestDoesNotMatchException", "The image digest does not match the image manifest.")
        try:
            client("ecr", context.region).describe_repositories(repositoryNames=[request["repositoryName"]])
        except ClientError as error:  # moto itself would end in an internal error
            raise fault(error.response["Error"]["Code"], error.response["Error"]["Message"]) from error
        answer: Json = call_moto_with_request(context, {**request, "imageDigest": digest})
        _expire(context.region, request["repositoryName"])
        return answer

    @operation("PutLifecyclePolicy")
    def put_lifecycle_policy(self, context: RequestContext, request: Json) -> Json:
        """Keep the policy, and let go what it lets go."""
        answer: Json = call_moto(context)
        _expire(context.region, request["repositoryName"])
        return answer

    @operation("GetAuthorizationToken")
    def get_authorization_token(self, _context: RequestContext, _request: Json) -> Json:
        """A token for `docker login`; the twin's image program needs none and takes any."""
        token = base64.b64encode(b"AWS:twin").decode()
        endpoint = f"https://{ACCOUNT}.dkr.ecr.{world().region}.amazonaws.com"
        expires = datetime.now(UTC) + timedelta(hours=12)
        return {"authorizationData": [{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": endpoint}]}


def _expire(region: str, repository: str) -> None:
    """Let the repository's lifecycle policy, if it has one, do what it says."""
    ecr = client("ecr", region)
    try:
        policy = ecr.get_lifecycle_policy(repositoryName=repository)["lifecyclePolicyText"]
    except ecr.exceptions.LifecyclePolicyNotFoundException:
        return
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
    images = [
        Pushed(one["imageDigest"], tuple(one.get("imageTags") or []), one["imagePushedAt"])
        for page in pages
        for one in page["imageDetails"]
    ]
    if gone := expired(policy, images, datetime.now(UTC)):
        for start in range(0, len(gone), MOST_DELETED):
            some = [{"imageDigest": digest} for digest in gone[start : start + MOST_DELETED]]
            ecr.batch_delete_image(repositoryName=repository, imageIds=some)
        emit("ecr", repository, f"its lifecycle policy has let go {len(gone)} images")


PROVIDER = Ecr()

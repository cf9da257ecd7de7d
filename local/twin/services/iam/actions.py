"""Which IAM actions an API call needs.

Nearly always one of the call's own name; the exceptions are S3's, whose API is older than its permissions
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html), and those below.
"""

from collections.abc import Iterator, Mapping
from typing import Any

# IAM's prefix where it is neither the signing name nor the endpoint's prefix.
_PREFIXES = {
    "cloudwatch": "cloudwatch",
    "apigatewayv2": "apigateway",
    "resourcegroupstaggingapi": "tag",
    "sesv2": "ses",
    "elbv2": "elasticloadbalancing",
    "elb": "elasticloadbalancing",
    "stepfunctions": "states",
    "efs": "elasticfilesystem",
    "opensearch": "es",
}
# Calls that need no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
_S3 = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "SelectObjectContent": "GetObject",
    "PostObject": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    **{
        f"{verb}Bucket{kind}Configuration{suffix}": f"{permission}{kind}Configuration"
        for kind in ("Analytics", "Inventory", "Metrics", "IntelligentTiering")
        for verb, suffix, permission in (
            ("Get", "", "Get"),
            ("Put", "", "Put"),
            ("Delete", "", "Put"),
            ("List", "s", "Get"),
        )
    },
}
_OTHERS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
    "kms:ReEncrypt": "kms:ReEncryptTo",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeAsync": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
}
# With a version they are permissions of their own.
_VERSIONED = frozenset({"GetObject", "DeleteObject", "GetObjectAcl", "GetObjectTagging", "PutObjectAcl",
                        "PutObjectTagging", "DeleteObjectTagging", "GetObjectAttributes"})  # fmt: skip


def prefix(service: str, metadata: Mapping[str, Any]) -> str:
    """IAM's prefix of a service: by botocore's name of it and the metadata of its model."""
    return _PREFIXES.get(service) or str(metadata.get("signingName") or metadata.get("endpointPrefix") or service)


def needed(name: str, operation: str, asked: Mapping[str, Any], method: str = "GET") -> tuple[str, ...]:
    """The actions that a call needs, each on the resources it is about; `name` is IAM's prefix of the service."""
    if name == "s3":
        return tuple(f"s3:{one}" for one in _of_s3(operation, asked))
    if name == "apigateway":
        return (f"apigateway:{method}",)
    if name == "sts" and operation == "AssumeRole":
        more = (("Tags", "sts:TagSession"), ("SourceIdentity", "sts:SetSourceIdentity"))
        return ("sts:AssumeRole", *(action for field, action in more if asked.get(field)))
    action = f"{name}:{operation}"
    return (_OTHERS.get(action, action),)


def _of_s3(operation: str, asked: Mapping[str, Any]) -> Iterator[str]:
    action = _S3.get(operation, operation)
    versioned = bool(asked.get("VersionId")) and action in _VERSIONED
    yield action.replace("Object", "ObjectVersion", 1) if versioned else action
    if action == "PutObject" and operation != "UploadPart":
        if asked.get("Tagging"):
            yield "PutObjectTagging"
        if any(asked.get(one) for one in ("ACL", "GrantRead", "GrantFullControl", "GrantReadACP", "GrantWriteACP")):
            yield "PutObjectAcl"
    if operation == "GetObjectAttributes":
        yield "GetObjectVersion" if versioned else "GetObject"

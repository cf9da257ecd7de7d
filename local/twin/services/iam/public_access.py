"""S3 Block Public Access: what it refuses to anybody, and which bucket policy it does not take.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from twin.services.iam.holdings import bucket
from twin.services.iam.policies import Policy, Statement, parse

# Conditions by which a policy that names anybody is not public, when their values are fixed.
_NARROW = frozenset({
    "aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
    "aws:userid", "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
})  # fmt: skip
_POSITIVE = ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress")


def refuses_anybody(name: str) -> bool:
    """Whether the bucket's policy opens it to nobody who has no credentials."""
    found = bucket(name)
    return found is not None and bool((found.public_access_block or {}).get("RestrictPublicBuckets"))


def blocked(name: str, document: str) -> bool:
    """Whether the bucket may not be given this policy."""
    found = bucket(name)
    blocks = found is not None and bool((found.public_access_block or {}).get("BlockPublicPolicy"))
    return blocks and is_public(parse(document))


def is_public(policy: Policy) -> bool:
    """Whether it allows anything to anybody, by S3's definition of public."""
    return any(one.allow and _is_open(one) for one in policy)


def _is_open(statement: Statement) -> bool:
    anybody = statement.principals is not None and any(name == "*" for _, name in statement.principals)
    return (anybody or statement.all_but_principals) and not any(
        one.key in _NARROW
        and one.operator.removesuffix("IfExists") in _POSITIVE
        and not any("*" in v for v in one.values)
        for one in statement.conditions
    )

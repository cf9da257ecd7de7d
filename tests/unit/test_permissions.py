"""What holds of the evaluation of policies whatever they say; case by case it is tested in tests/twin."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as some
from twin.services.iam.evaluate import Asked, Kind, Policies, Principal, decide
from twin.services.iam.policies import Policy, parse

ROLE = "arn:aws:iam::000000000000:role/reader"
OBJECT = "arn:aws:s3:::photos/mina/1"
SESSION = Principal(Kind.ROLE, "000000000000", "arn:aws:sts::000000000000:assumed-role/reader/one", ROLE)
CALL = Asked(SESSION, "s3:GetObject", OBJECT, {"aws:securetransport": ("true",)}, frozenset({"aws:securetransport"}))
DENY = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}

type Json = dict[str, Any]


def policy(*statements: Json) -> Policy:
    return parse(json.dumps({"Version": "2012-10-17", "Statement": statements}))


STATEMENTS = some.lists(
    some.fixed_dictionaries(
        {
            "Effect": some.sampled_from(["Allow", "Deny"]),
            "Action": some.sampled_from(["s3:GetObject", "s3:*", "*", "s3:PutObject", "sqs:*"]),
            "Resource": some.sampled_from(["*", "arn:aws:s3:::photos/*", "arn:aws:s3:::other/*", OBJECT]),
        },
        optional={
            "Condition": some.sampled_from(
                [
                    {"Bool": {"aws:SecureTransport": "true"}},
                    {"StringEquals": {"aws:SourceVpce": "x"}},
                    {"StringNotEquals": {"aws:ResourceTag/a": "x"}},
                ]
            )
        },
    ),
    max_size=4,
)
NAMED = STATEMENTS.map(lambda found: [{**one, "Principal": {"AWS": ROLE}} for one in found])


@given(identity=STATEMENTS, resource=NAMED, boundary=some.none() | STATEMENTS, more=STATEMENTS)
def test_limits_never_grant_and_denials_always_win(
    identity: list[Json], resource: list[Json], boundary: list[Json] | None, more: list[Json]
) -> None:
    limit = None if boundary is None else (policy(*boundary),)
    base = Policies(identity=(policy(*identity),), resource=policy(*resource), boundary=limit)
    allowed = decide(CALL, base).allowed
    narrower = Policies(base.identity, base.resource, limit, session=(policy(*more),))
    assert allowed or not decide(CALL, narrower).allowed, "a session's policy granted"
    unlimited = Policies(base.identity, base.resource)
    assert decide(CALL, unlimited).allowed or not allowed, "a boundary granted"
    shut = Policies((*base.identity, policy(DENY)), base.resource, limit)
    assert decide(CALL, shut).by is not None, "a denial lost"
    assert not allowed or any(one["Effect"] == "Allow" for one in identity + resource), "allowed by nothing"


@given(
    some.text()
    | some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(max_size=5),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(
                some.sampled_from(["Statement", "Effect", "Action", "Resource", "Principal", "Condition", "x"]), inner
            )
        ),
        max_leaves=8,
    ).map(json.dumps)
)
def test_what_is_no_policy_allows_nothing_and_breaks_nothing(document: str) -> None:
    seen = decide(CALL, Policies(identity=(parse(document),), resource=parse(document)))
    assert not seen.allowed

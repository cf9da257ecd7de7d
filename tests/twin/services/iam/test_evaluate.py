"""AWS's evaluation logic, case by case.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
from typing import Any

import pytest
from twin.services.iam.context import KNOWN
from twin.services.iam.errors import text
from twin.services.iam.evaluate import Asked, Kind, Policies, PolicyType, Principal, Verdict, decide
from twin.services.iam.policies import Policy, parse

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
SESSION = Principal(Kind.ROLE, ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/one", ROLE)
USER = Principal(Kind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/mina")
ROOT = Principal(Kind.ROOT, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
ANYBODY = Principal(Kind.ANYBODY)
ECS = Principal(Kind.SERVICE, service="ecs-tasks.amazonaws.com")
OBJECT = "arn:aws:s3:::photos/mina/1"

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/*"}
DENY = {**ALLOW, "Effect": "Deny"}
ELSE = {**ALLOW, "Action": "s3:PutObject"}

type Json = dict[str, Any]


def policy(*statements: Json) -> Policy:
    return parse(json.dumps({"Version": "2012-10-17", "Statement": statements}))


def to(principal: object, statement: Json = ALLOW) -> Json:
    return {**statement, "Principal": principal}


def asked(principal: Principal = SESSION, **context: str) -> Asked:
    known = {key.replace("__", ":").replace("_", "-"): (value,) for key, value in context.items()}
    return Asked(principal, "s3:GetObject", OBJECT, known, KNOWN)


IDENTITY, RESOURCE = PolicyType.IDENTITY, PolicyType.RESOURCE
YES = (True, None, False)


@pytest.mark.parametrize(
    ("principal", "policies", "wanted"),
    [
        # An identity policy alone.
        (SESSION, Policies(identity=(policy(ALLOW),)), YES),
        (SESSION, Policies(), (False, IDENTITY, False)),
        (SESSION, Policies(identity=(policy(ELSE),)), (False, IDENTITY, False)),
        (SESSION, Policies(identity=(policy(ALLOW), policy(DENY))), (False, IDENTITY, True)),
        # The account may all, but what a resource's policy denies it.
        (ROOT, Policies(), YES),
        (ROOT, Policies(resource=policy(to("*", DENY))), (False, RESOURCE, True)),
        # A resource's policy opens by itself to whom it names in the account, and denies whatever the identity may.
        (USER, Policies(resource=policy(to({"AWS": USER.arn}))), YES),
        (SESSION, Policies(resource=policy(to({"AWS": ROLE}))), YES),
        (SESSION, Policies(resource=policy(to("*"))), YES),
        (SESSION, Policies(identity=(policy(ALLOW),), resource=policy(to("*", DENY))), (False, RESOURCE, True)),
        # Naming the account hands the decision to the identity's policies.
        (SESSION, Policies(resource=policy(to({"AWS": ACCOUNT}))), (False, IDENTITY, False)),
        (SESSION, Policies(resource=policy(to({"AWS": ROOT.arn})), identity=(policy(ALLOW),)), YES),
        # A key and a role's trust must allow, whatever the identity may.
        (SESSION, Policies(identity=(policy(ALLOW),), resource_decides=True), (False, RESOURCE, False)),
        (ROOT, Policies(resource_decides=True), (False, RESOURCE, False)),
        (ROOT, Policies(resource=policy(to({"AWS": ROOT.arn})), resource_decides=True), YES),
        (
            SESSION,
            Policies(identity=(policy(ALLOW),), resource=policy(to({"AWS": ACCOUNT})), resource_decides=True),
            YES,
        ),
        # A boundary limits and never grants; what a resource grants to the role stays inside, to the session not.
        (SESSION, Policies(boundary=(policy(ALLOW),)), (False, IDENTITY, False)),
        (
            SESSION,
            Policies(identity=(policy(ALLOW),), boundary=(policy(ELSE),)),
            (False, PolicyType.BOUNDARY, False),
        ),
        (SESSION, Policies(identity=(policy(ALLOW),), boundary=(policy(ALLOW),)), YES),
        (
            SESSION,
            Policies(resource=policy(to({"AWS": ROLE})), boundary=(policy(ELSE),)),
            (False, PolicyType.BOUNDARY, False),
        ),
        (SESSION, Policies(resource=policy(to({"AWS": SESSION.arn})), boundary=(policy(ELSE),)), YES),
        (
            SESSION,
            Policies(identity=(policy(ALLOW),), boundary=(policy(ALLOW, DENY),)),
            (False, PolicyType.BOUNDARY, True),
        ),
        # So does a session's policy.
        (
            SESSION,
            Policies(identity=(policy(ALLOW),), session=(policy(ELSE),)),
            (False, PolicyType.SESSION, False),
        ),
        (SESSION, Policies(identity=(policy(ALLOW),), session=(policy(ALLOW),)), YES),
        # Who has no credentials, and who is a service, is only what a resource's policy says.
        (ANYBODY, Policies(resource=policy(to("*"))), YES),
        (ANYBODY, Policies(resource=policy(to({"AWS": ["*"]}))), YES),
        (ANYBODY, Policies(resource=policy(to({"AWS": ACCOUNT}))), (False, RESOURCE, False)),
        (ANYBODY, Policies(), (False, RESOURCE, False)),
        (ECS, Policies(resource=policy(to({"Service": "ecs-tasks.amazonaws.com"})), resource_decides=True), YES),
        (
            ECS,
            Policies(resource=policy(to({"Service": "ec2.amazonaws.com"})), resource_decides=True),
            (False, RESOURCE, False),
        ),
        # All but those named.
        (
            USER,
            Policies(identity=(policy(ALLOW),), resource=policy({**DENY, "NotPrincipal": {"AWS": ROLE}})),
            (False, RESOURCE, True),
        ),
        (SESSION, Policies(identity=(policy(ALLOW),), resource=policy({**DENY, "NotPrincipal": {"AWS": ROLE}})), YES),
    ],
)
def test_policies_decide_as_on_aws(
    principal: Principal, policies: Policies, wanted: tuple[bool, PolicyType | None, bool]
) -> None:
    seen = decide(asked(principal), policies)
    assert (seen.allowed, seen.by, seen.explicit) == wanted


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"Action": "S3:getobject"}, True),
        ({"Action": "s3:Get*"}, True),
        ({"Action": "s3:Get?bject"}, True),
        ({"Action": "*"}, True),
        ({"Action": ["s3:PutObject", "s3:GetObjec"]}, False),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:s3:::photos"}, False),
        ({"Resource": "arn:aws:s3:::Photos/*"}, False),
        ({"Resource": "arn:aws:s3:::photos/?ina/1"}, True),
        ({"Resource": "arn:aws:s3:::photos/${aws:username}/*"}, True),
        ({"Resource": "arn:aws:s3:::photos/${aws:PrincipalTag/team}/*"}, False),
        ({"Resource": "arn:aws:s3:::photos/${aws:PrincipalTag/team, 'mina'}/*"}, True),
        ({"Resource": "arn:aws:s3:::photos/${*}/*"}, False),
    ],
)
def test_what_a_statement_speaks_of(change: Json, allowed: bool) -> None:
    seen = decide(asked(USER, aws__username="mina"), Policies(identity=(policy({**ALLOW, **change}),)))
    assert seen.allowed is allowed


def test_not_action_and_not_resource_speak_of_all_others() -> None:
    rest = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secrets/*"}
    assert decide(asked(), Policies(identity=(policy(rest),))).allowed
    kept = {**rest, "NotResource": "arn:aws:s3:::photos/*"}
    assert not decide(asked(), Policies(identity=(policy(kept),))).allowed


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"StringEquals": {"s3:prefix": "home"}}, True),
        ({"StringEquals": {"S3:Prefix": ["a", "home"]}}, True),
        ({"StringEquals": {"s3:prefix": "Home"}}, False),
        ({"StringEqualsIgnoreCase": {"s3:prefix": "HOME"}}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "home"]}}, False),
        ({"StringLike": {"s3:prefix": "h?m*"}}, True),
        ({"StringNotLike": {"s3:prefix": "x*"}}, True),
        ({"StringEquals": {"s3:prefix": "h*"}}, False),
        # Several conditions must all hold.
        ({"StringEquals": {"s3:prefix": "home"}, "Bool": {"aws:SecureTransport": "false"}}, False),
        # A key that the request has not: only what negates, or may be missing, holds.
        ({"StringEquals": {"aws:SourceArn": "x"}}, False),
        ({"StringNotEquals": {"aws:SourceArn": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceArn": "x"}}, True),
        ({"Null": {"aws:SourceArn": "true"}}, True),
        ({"Null": {"s3:prefix": "true"}}, False),
        ({"Null": {"s3:prefix": False}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
        ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-12-01"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*"}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "stage"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:CalledVia": ["x"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:CalledVia": ["x"]}}, False),
        ({"StringEquals": {"s3:prefix": "${aws:PrincipalTag/home}"}}, True),
        # What the twin cannot know opens nothing.
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, None),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, None),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, None),
        ({"Null": {"aws:ResourceTag/team": "true"}}, None),
        ({"StringResembles": {"s3:prefix": "home"}}, None),
        ({"ForMostValues:StringEquals": {"s3:prefix": "home"}}, None),
    ],
)
def test_conditions_hold_as_on_aws_and_never_in_doubt(condition: Json, wanted: bool | None) -> None:
    context = {
        "s3:prefix": ("home",),
        "s3:max-keys": ("10",),
        "aws:securetransport": ("true",),
        "aws:sourceip": ("192.0.2.7",),
        "aws:currenttime": ("2026-11-25T10:00:00Z",),
        "aws:principalarn": (ROLE,),
        "aws:principaltag/home": ("home",),
        "aws:tagkeys": ("team", "stage"),
    }
    call = Asked(SESSION, "s3:GetObject", OBJECT, context, KNOWN)
    opened = decide(call, Policies(identity=(policy({**ALLOW, "Condition": condition}),)))
    closed = decide(call, Policies(identity=(policy(ALLOW, {**DENY, "Condition": condition}),)))
    assert opened.allowed is (wanted is True)
    assert closed.allowed is (wanted is False)
    assert bool(opened.doubts) is (wanted is None)


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (Verdict(False, IDENTITY), " because no identity-based policy allows the s3:GetObject action"),
        (Verdict(False, RESOURCE), " because no resource-based policy allows the s3:GetObject action"),
        (Verdict(False, PolicyType.BOUNDARY), " because no permissions boundary allows the s3:GetObject action"),
        (Verdict(False, PolicyType.SESSION), " because no session policy allows the s3:GetObject action"),
        (Verdict(False, IDENTITY, True), " with an explicit deny in an identity-based policy"),
        (Verdict(False, RESOURCE, True), " with an explicit deny in a resource-based policy"),
        (Verdict(False, PolicyType.BOUNDARY, True), " with an explicit deny in a permissions boundary"),
    ],
)
def test_a_denial_speaks_as_aws_does(verdict: Verdict, wanted: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
    start = f'User: {SESSION.arn} is not authorized to perform: s3:GetObject on resource: "{OBJECT}"'
    assert text(asked(), verdict) == start + wanted

"""Whether a call is allowed: AWS's evaluation logic, pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-req-context.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from twin.services.iam.conditions import holds, is_known
from twin.services.iam.policies import Context, Policy, Statement


class Kind(Enum):
    """What a caller is."""

    ROOT = "the account"
    USER = "a user"
    ROLE = "a role's session"
    SERVICE = "a service of AWS"
    ANYBODY = "anybody"


class PolicyType(Enum):
    """The kinds of policy, in the words of AWS's denials."""

    IDENTITY = "identity-based policy"
    RESOURCE = "resource-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"


class Named(IntEnum):
    """How closely the Principal of a statement names a caller."""

    NOT = 0
    ACCOUNT = 1
    ROLE = 2
    ITSELF = 3


@dataclass(frozen=True)
class Principal:
    """Who calls. arn: of the user or of the role's session; role: the ARN of the role, for a session of one; service:
    the name of the service, for one of AWS's."""

    kind: Kind
    account: str = ""
    arn: str = ""
    role: str = ""
    service: str = ""


@dataclass(frozen=True)
class Asked:
    """What is asked for: one action on one resource, with what is known of the call."""

    principal: Principal
    action: str
    resource: str
    context: Context = field(default_factory=dict)
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Policies:
    """All that bears on a call. boundary, session: None where there is none, which limits nothing. resource_decides:
    the resource's own policy must allow, as that of a key and the trust policy of a role must."""

    identity: tuple[Policy, ...] = ()
    resource: Policy = ()
    boundary: tuple[Policy, ...] | None = None
    session: tuple[Policy, ...] | None = None
    resource_decides: bool = False


@dataclass(frozen=True)
class Verdict:
    """The decision. by: the kind of policy that denies; explicit: by a Deny. doubts: conditions that could not be
    judged, and so did not open."""

    allowed: bool
    by: PolicyType | None = None
    explicit: bool = False
    doubts: tuple[str, ...] = ()


def decide(asked: Asked, policies: Policies) -> Verdict:
    """An explicit deny ends it; else the resource's policy or the identity's must allow, in boundary and session."""
    judge = _Judge(asked)
    by = judge.first_deny(policies)
    if by is not None:
        return judge.verdict(by, explicit=True)
    return judge.verdict(judge.first_lack(policies))


class _Judge:
    """Reads statements for one call and keeps what could not be judged."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._doubts: list[str] = []

    def verdict(self, by: PolicyType | None, *, explicit: bool = False) -> Verdict:
        """Allowed, unless some kind of policy stands against it."""
        return Verdict(by is None, by, explicit, tuple(dict.fromkeys(self._doubts)))

    def first_deny(self, policies: Policies) -> PolicyType | None:
        """The kind of policy that denies explicitly."""
        if any(self._applies(one) for one in policies.resource if not one.allow and self._named(one) is not Named.NOT):
            return PolicyType.RESOURCE
        held = (
            (PolicyType.IDENTITY, policies.identity),
            (PolicyType.BOUNDARY, policies.boundary or ()),
            (PolicyType.SESSION, policies.session or ()),
        )
        return next((kind for kind, some in held if self._denies(some)), None)

    def first_lack(self, policies: Policies) -> PolicyType | None:
        """The kind of policy that would have to allow and does not."""
        kind, granted = self._asked.principal.kind, self._granted(policies.resource)
        if policies.resource_decides and granted is Named.NOT:
            return PolicyType.RESOURCE
        if kind is Kind.ROOT or granted is Named.ITSELF:
            return None
        if kind in (Kind.SERVICE, Kind.ANYBODY):
            return PolicyType.RESOURCE
        # What the resource grants to a role opens like an identity policy, and stays within boundary and session.
        held = (
            (PolicyType.IDENTITY, None if granted is Named.ROLE else policies.identity),
            (PolicyType.BOUNDARY, policies.boundary),
            (PolicyType.SESSION, policies.session),
        )
        return next((one for one, some in held if some is not None and not self._allows(some)), None)

    def _granted(self, resource: Policy) -> Named:
        """How closely the resource's policy names the caller where it allows."""
        found = (self._named(one) for one in resource if one.allow and self._applies(one))
        return max(found, default=Named.NOT)

    def _allows(self, policies: Iterable[Policy]) -> bool:
        return any(one.allow and self._applies(one) for policy in policies for one in policy)

    def _denies(self, policies: Iterable[Policy]) -> bool:
        return any(not one.allow and self._applies(one) for policy in policies for one in policy)

    def _applies(self, statement: Statement) -> bool:
        """Whether action, resource and conditions fit. In doubt a Deny applies, and an Allow does not."""
        asked = self._asked
        if not statement.names_action(asked.action) or not statement.names_resource(asked.resource, asked.context):
            return False
        doubtful = []
        for condition in statement.conditions:
            held = holds(condition, asked.context, asked.known)
            if held is False:
                return False
            if held is None:
                known = is_known(condition.key, asked.known)
                doubtful.append(condition.operator if known else condition.key)
        self._doubts += doubtful
        return not (doubtful and statement.allow)

    def _named(self, statement: Statement) -> Named:
        if statement.principals is None:
            return Named.NOT
        found = max((self._name(kind, name) for kind, name in statement.principals), default=Named.NOT)
        if statement.all_but_principals:
            return Named.ITSELF if found is Named.NOT else Named.NOT
        return found

    def _name(self, kind: str, name: str) -> Named:
        caller = self._asked.principal
        if kind == "Service":
            return Named.ITSELF if caller.kind is Kind.SERVICE and name == caller.service else Named.NOT
        if kind != "AWS":
            return Named.NOT
        if name == "*":
            return Named.ITSELF if caller.kind is not Kind.SERVICE else Named.NOT
        if caller.arn and name == caller.arn:
            return Named.ITSELF
        if caller.role and name == caller.role:
            return Named.ROLE
        is_account = caller.account and name in (caller.account, f"arn:aws:iam::{caller.account}:root")
        return Named.ACCOUNT if is_account else Named.NOT

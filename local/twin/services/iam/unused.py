"""What a caller may, line by line of its policies, against what it has used."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twin.services.iam.policies import glob, parse


@dataclass(frozen=True)
class Grant:
    """One action, or pattern of actions, that a policy allows on some resources."""

    policy: str
    action: str
    resources: tuple[str, ...]


def grants(policy: str, document: str) -> Iterator[Grant]:
    """What a policy allows; of a statement with NotAction or NotResource what it leaves out, with a `!` before."""
    for statement in parse(document):
        if not statement.allow:
            continue
        resources = tuple(f"!{one}" if statement.all_but_resources else one for one in statement.resources or ())
        for action in statement.written:
            yield Grant(policy, f"!{action}" if statement.all_but_actions else action, resources)


def seen(grant: Grant, used: Mapping[str, Sequence[str]]) -> bool:
    """Whether any use, actions with their resources, was within the grant."""
    return any(
        _fits((grant.action.lower(),), action.lower()) and any(_fits(grant.resources, one) for one in resources)
        for action, resources in used.items()
    )


def _fits(patterns: Sequence[str], text: str) -> bool:
    negative = [one[1:] for one in patterns if one.startswith("!")]
    if negative:
        return not any(glob(one).fullmatch(text) for one in negative)
    return any(glob(one).fullmatch(text) for one in patterns)

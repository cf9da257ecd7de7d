"""The bootstrap stack: found, made where that is allowed, else the command that makes it."""

import pytest

from infra.deploy import bootstrap, change_sets
from infra.deploy.assembly import Stack
from infra.deploy.aws import Aws
from infra.deploy.preflight import Caller
from infra.errors import DeployError
from tests.unit.infra.conftest import a_stack

CALLER = Caller(account="123456789012", arn="arn:aws:iam::123456789012:user/somebody")


def _version(aws: Aws, value: str) -> None:
    aws.ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value=value, Type="String", Overwrite=True)


def test_the_least_version_is_the_highest_that_a_stack_needs() -> None:
    assert bootstrap.needed([a_stack(bootstrap_version=6), a_stack(bootstrap_version=8)]) == 8
    assert bootstrap.needed([]) == 0


def test_a_version_that_is_high_enough_is_found(aws: Aws) -> None:
    _version(aws, "30")
    assert bootstrap.ensure(aws, CALLER, least=6, by_itself=False) == "version 30"


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (None, "is not bootstrapped in ap-northeast-2"),
        ("5", "has bootstrap version 5, 6 is needed in ap-northeast-2"),
    ],
)
def test_on_aws_the_command_is_named(aws: Aws, found: str | None, what: str) -> None:
    if found:
        _version(aws, found)
    command = "cd infra && npm ci && npx cdk bootstrap aws://123456789012/ap-northeast-2"
    with pytest.raises(DeployError, match=f"^account 123456789012 {what}; run: {command}$"):
        bootstrap.ensure(aws, CALLER, least=6, by_itself=False)


def test_where_allowed_an_old_one_is_brought_to_the_clis_own_template(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    _version(aws, "5")
    deployed: list[Stack] = []

    def deploy(_: Aws, stack: Stack, **__: object) -> None:
        deployed.append(stack)
        _version(aws, "30")

    monkeypatch.setattr(change_sets, "deploy", deploy)
    monkeypatch.setattr(bootstrap, "_template", lambda: "Resources: {}")
    assert bootstrap.ensure(aws, CALLER, least=6, by_itself=True) == "made, version 30"
    assert [(stack.name, stack.template_body) for stack in deployed] == [("CDKToolkit", "Resources: {}")]

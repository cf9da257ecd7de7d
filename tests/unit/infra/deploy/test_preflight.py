"""What must hold before anything is touched; each failure is one plain line."""

import pytest

from infra.deploy import preflight
from infra.deploy.aws import Aws, connect
from infra.errors import DeployError
from infra.settings import REGION, settings


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_without_credentials_it_says_how_to_give_them() -> None:
    with pytest.raises(DeployError) as error:
        preflight.identify(connect(REGION))
    assert str(error.value) == "no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


def test_a_profile_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ghost")
    with pytest.raises(DeployError, match=r"the AWS credentials do not work: .*ghost.*") as error:
        preflight.identify(connect(REGION))
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("somebody")
def test_an_endpoint_where_nothing_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(DeployError, match=r"nothing answers at http://127.0.0.1:9: "):
        preflight.identify(connect(REGION))


def test_the_caller_is_who_the_credentials_belong_to(aws: Aws) -> None:
    caller = preflight.identify(aws)
    assert caller.account == "123456789012"
    assert caller.arn.startswith("arn:aws:sts::123456789012:")


def test_another_account_than_the_wanted_one_is_refused(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUET_ACCOUNT", "999999999999")
    with pytest.raises(DeployError, match="the credentials are of account 123456789012, DUET_ACCOUNT wants 999999999"):
        preflight.identify(aws)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_environment_of_aws_does_not_go_elsewhere_unasked(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    prod, twin = settings("prod", domain="duet.example"), settings("twin")
    preflight.check_endpoint(prod, on_endpoint=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:4566")
    with pytest.raises(DeployError) as error:
        preflight.check_endpoint(prod, on_endpoint=False)
    assert str(error.value) == (
        f"prod goes to AWS, but {variable} is http://127.0.0.1:4566: unset it, or say --on-endpoint"
    )
    preflight.check_endpoint(prod, on_endpoint=True)
    preflight.check_endpoint(twin, on_endpoint=False)


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_another_region_than_the_templates_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, REGION)
    preflight.check_region(REGION)
    monkeypatch.setenv(variable, "us-east-1")
    with pytest.raises(DeployError, match=f"{variable} is us-east-1, the templates are for {REGION}"):
        preflight.check_region(REGION)


@pytest.mark.parametrize(
    ("name", "domain", "endpoint", "has_certificate", "message"),
    [
        ("twin", "", None, True, "the environment twin goes to the twin only: AWS_ENDPOINT_URL is not set"),
        ("twin", "", "http://127.0.0.1:4566", True, None),
        (
            "dev",
            "",
            None,
            False,
            r"dev requires a domain on AWS: set DUET_DOMAIN, and the app answers at dev\.<domain>",
        ),
        ("dev", "", None, True, None),
        ("dev", "", "http://127.0.0.1:4566", False, None),
        ("dev", "duet.example", None, False, None),
        ("prod", "duet.example", None, False, None),
    ],
)
def test_an_environment_goes_only_where_it_can(
    name: str, domain: str, endpoint: str | None, has_certificate: bool, message: str | None
) -> None:
    of = settings(name, domain=domain)
    if message is None:
        preflight.check_target(of, endpoint=endpoint, has_certificate=has_certificate)
        return
    with pytest.raises(DeployError, match=message):
        preflight.check_target(of, endpoint=endpoint, has_certificate=has_certificate)

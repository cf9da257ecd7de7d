"""S3's CloudFormation types: core's bucket drops half of its properties and empties itself when it is deleted."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localstack.services.s3.resource_providers.aws_s3_bucket import S3BucketProvider

from twin.services.common.resources import Progress, Request, Resource, done, tags_of, unless_gone
from twin.services.common.typed import typed
from twin.services.s3 import translate

type Json = dict[str, Any]


@dataclass(frozen=True)
class _Setting:
    """How a property is set. put: the operation and its parameters from the property and the bucket's name;
    without: the operation, and its parameters, that takes it away."""

    put: str
    parameters: Callable[[Any, Json], Json]
    without: tuple[str, Json]


def _notification(_: Any, model: Json) -> Json:
    found: Json = S3BucketProvider()._get_s3_bucket_notification_config(model) or {}
    return {"NotificationConfiguration": found.get("NotificationConfiguration", {})}


_SETTINGS: Mapping[str, _Setting] = {
    "AccessControl": _Setting(
        "PutBucketAcl", lambda value, _: {"ACL": translate.canned_acl(value)}, ("PutBucketAcl", {"ACL": "private"})
    ),
    "BucketEncryption": _Setting(
        "PutBucketEncryption",
        lambda value, _: {"ServerSideEncryptionConfiguration": translate.encryption(value)},
        ("DeleteBucketEncryption", {}),
    ),
    "CorsConfiguration": _Setting(
        "PutBucketCors", lambda value, _: {"CORSConfiguration": translate.cors(value)}, ("DeleteBucketCors", {})
    ),
    "LifecycleConfiguration": _Setting(
        "PutBucketLifecycleConfiguration",
        lambda value, _: {"LifecycleConfiguration": translate.lifecycle(value)},
        ("DeleteBucketLifecycle", {}),
    ),
    "LoggingConfiguration": _Setting(
        "PutBucketLogging",
        lambda value, model: {"BucketLoggingStatus": translate.logging(value, model["BucketName"])},
        ("PutBucketLogging", {"BucketLoggingStatus": {}}),
    ),
    "NotificationConfiguration": _Setting(
        "PutBucketNotificationConfiguration",
        _notification,
        ("PutBucketNotificationConfiguration", {"NotificationConfiguration": {}}),
    ),
    "OwnershipControls": _Setting(
        "PutBucketOwnershipControls",
        lambda value, _: {"OwnershipControls": value},
        ("DeleteBucketOwnershipControls", {}),
    ),
    "PublicAccessBlockConfiguration": _Setting(
        "PutPublicAccessBlock",
        lambda value, _: {"PublicAccessBlockConfiguration": value},
        ("DeletePublicAccessBlock", {}),
    ),
    "Tags": _Setting(
        "PutBucketTagging",
        lambda _, model: {"Tagging": {"TagSet": tags_of(model)}},
        ("DeleteBucketTagging", {}),
    ),
    "VersioningConfiguration": _Setting(
        "PutBucketVersioning",
        lambda value, _: {"VersioningConfiguration": value},
        ("PutBucketVersioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ),
}


class Bucket(Resource):
    """A bucket. Objects are not encrypted, moved between classes or expired here, nor is access logged: recorded."""

    TYPE = "AWS::S3::Bucket"
    REF = "BucketName"
    RECORDED = frozenset({"BucketEncryption", "LifecycleConfiguration.Rules", "LoggingConfiguration",
                          "IntelligentTieringConfigurations"})  # fmt: skip
    HONOURED = frozenset({*_SETTINGS, "BucketName", "ObjectLockEnabled"}) - RECORDED - {"LifecycleConfiguration"}

    def create(self, request: Request) -> Progress:
        """Make it with all its settings; a name that is taken is an error, also when it is the account's own."""
        model, s3 = request.desired_state, self.client(request)
        name = model.get("BucketName") or self.generated_name(request, lower=True)
        lock = str(model.get("ObjectLockEnabled", "")).lower() == "true"
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": request.region_name}}
        translate.refuse_taken(s3, name)
        s3.create_bucket(
            Bucket=name,
            ObjectLockEnabledForBucket=lock,
            **({} if request.region_name == "us-east-1" else elsewhere),
        )
        model |= _names(name, request.region_name)
        # Who owns objects decides whether an access control list may be put at all.
        for setting in sorted(_SETTINGS, key=lambda name: name == "AccessControl"):
            if model.get(setting):
                _set(s3, setting, model[setting], model)
        _tier(s3, model, {})
        return done(model)

    def update(self, request: Request) -> Progress:
        """Bring the settings to what the template says; those it no longer names are taken away."""
        model, before, s3 = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["BucketName"]
        model |= _names(name, request.region_name)
        for setting, how in sorted(_SETTINGS.items(), key=lambda pair: pair[0] == "AccessControl"):
            if model.get(setting) and model[setting] != before.get(setting):
                _set(s3, setting, model[setting], model)
            elif before.get(setting) and not model.get(setting):
                operation, parameters = how.without
                _call(s3, operation, Bucket=name, **parameters)
        _tier(s3, model, before)
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it; one that holds objects refuses, one that is gone is no error."""
        with unless_gone():
            self.client(request).delete_bucket(Bucket=request.desired_state["BucketName"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The bucket, if it is there."""
        name = request.desired_state["BucketName"]
        self.client(request).head_bucket(Bucket=name)
        return done(request.desired_state | _names(name, request.region_name))


class BucketPolicy(Resource):
    """Who may do what with a bucket."""

    TYPE = "AWS::S3::BucketPolicy"
    REF = "Bucket"
    HONOURED = frozenset({"Bucket", "PolicyDocument"})

    def create(self, request: Request) -> Progress:
        """Put the policy."""
        model = request.desired_state
        document = model["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        self.client(request).put_bucket_policy(Bucket=model["Bucket"], Policy=text)
        return done(model)

    update = create

    def delete(self, request: Request) -> Progress:
        """Take the policy away; a bucket that is gone has none."""
        with unless_gone():
            self.client(request).delete_bucket_policy(Bucket=request.desired_state["Bucket"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The policy as S3 has it."""
        model = request.desired_state
        text = self.client(request).get_bucket_policy(Bucket=model["Bucket"])["Policy"]
        return done(model | {"PolicyDocument": json.loads(text)})


def _names(name: str, region: str) -> Json:
    return {
        "BucketName": name,
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
    }


def _set(s3: Any, setting: str, value: Any, model: Json) -> None:
    how = _SETTINGS[setting]
    _call(s3, how.put, Bucket=model["BucketName"], **how.parameters(value, model))


def _tier(s3: Any, model: Json, before: Json) -> None:
    """Intelligent tiering: several configurations, each under its own id."""
    wanted = {one["Id"]: one for one in model.get("IntelligentTieringConfigurations") or []}
    standing = {one["Id"]: one for one in before.get("IntelligentTieringConfigurations") or []}
    for gone in sorted(set(standing) - set(wanted)):
        s3.delete_bucket_intelligent_tiering_configuration(Bucket=model["BucketName"], Id=gone)
    for name, one in wanted.items():
        if one != standing.get(name):
            configuration = translate.tiering(one)
            operation = "PutBucketIntelligentTieringConfiguration"
            _call(s3, operation, Bucket=model["BucketName"], Id=name, IntelligentTieringConfiguration=configuration)


def _call(s3: Any, operation: str, **parameters: Any) -> None:
    s3._make_api_call(operation, typed(s3, operation, parameters))


RESOURCES: list[type[Resource]] = [Bucket, BucketPolicy]

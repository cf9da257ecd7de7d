"""A bucket's properties in a template's words, turned into those of S3's API."""

import re
from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import fault

type Json = dict[str, Any]

NOT_FOUND = 404


def refuse_taken(s3: Any, name: str) -> None:
    """Raise AWS's error when the name is in use; S3 itself lets an owner make a bucket twice in some regions."""
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == NOT_FOUND:
            return
    raise fault("AlreadyExists", f"{name} already exists", 409)


def canned_acl(value: str) -> str:
    """AccessControl: LogDeliveryWrite is log-delivery-write."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", value).lower()


def encryption(value: Json) -> Json:
    """BucketEncryption."""
    rules = [
        {("Apply" if key == "ServerSideEncryptionByDefault" else "") + key: one for key, one in rule.items()}
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def cors(value: Json) -> Json:
    """CorsConfiguration."""
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {"CORSRules": [{names.get(key, key): one for key, one in rule.items()} for rule in value["CorsRules"]]}


def logging(value: Json, bucket: str) -> Json:
    """LoggingConfiguration; without a destination the bucket logs into itself."""
    target = {
        "TargetBucket": value.get("DestinationBucketName") or bucket,
        "TargetPrefix": value.get("LogFilePrefix") or "",
    }
    shape = value.get("TargetObjectKeyFormat")
    return {"LoggingEnabled": {**target, **({"TargetObjectKeyFormat": shape} if shape else {})}}


def tiering(value: Json) -> Json:
    """One of IntelligentTieringConfigurations."""
    made = {"Id": value["Id"], "Status": value["Status"], "Tierings": value["Tierings"]}
    tags = value.get("TagFilters") or []
    found = _filter(value.get("Prefix"), tags, {})
    return {**made, "Filter": found} if found else made


def lifecycle(value: Json) -> Json:
    """LifecycleConfiguration."""
    return {"Rules": [_rule(rule) for rule in value["Rules"]]}


def _rule(rule: Json) -> Json:
    sizes: Json = {name: rule[name] for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if name in rule}
    expiration = {
        api: rule[own]
        for own, api in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if own in rule
    }
    noncurrent = rule.get("NoncurrentVersionExpiration") or {}
    if "NoncurrentVersionExpirationInDays" in rule:
        noncurrent = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    moves = [*(rule.get("Transitions") or []), *([rule["Transition"]] if rule.get("Transition") else [])]
    old_moves = [
        *(rule.get("NoncurrentVersionTransitions") or []),
        *([rule["NoncurrentVersionTransition"]] if rule.get("NoncurrentVersionTransition") else []),
    ]
    made = {
        "ID": rule.get("Id"),
        "Status": rule["Status"],
        "Filter": _filter(rule.get("Prefix"), rule.get("TagFilters") or [], sizes) or {"Prefix": ""},
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
        "Expiration": expiration or None,
        "NoncurrentVersionExpiration": noncurrent or None,
        "Transitions": [_move(move, "Days") for move in moves] or None,
        "NoncurrentVersionTransitions": [_move(move, "NoncurrentDays") for move in old_moves] or None,
    }
    return {key: one for key, one in made.items() if one is not None}


def _move(move: Json, days: str) -> Json:
    names = {"TransitionInDays": days, "TransitionDate": "Date"}
    return {names.get(key, key): one for key, one in move.items()}


def _filter(prefix: str | None, tags: list[Json], sizes: Json) -> Json:
    """One condition stands alone, several stand in And."""
    together = {
        **({"Prefix": prefix} if prefix is not None else {}),
        **({"Tags": tags} if tags else {}),
        **sizes,
    }
    if len(together) == 1 and len(tags) == 1:
        return {"Tag": tags[0]}
    return {"And": together} if len(together) > 1 or len(tags) > 1 else together

"""The credentials that a request shows: in its header, in its address, or in a form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_KEY_V4 = re.compile(r"Credential=([^/,\s]+)/")
_KEY_V2 = re.compile(r"AWS ([^:\s]+):")


@dataclass(frozen=True)
class Shown:
    """An access key, with its session's token. in_header: signed by the Authorization header."""

    access_key: str
    token: str | None
    in_header: bool = True


def shown(headers: Mapping[str, str], arguments: Mapping[str, str]) -> Shown | None:
    """What the request shows; None for one that is not signed."""
    given = headers.get("Authorization", "")
    found = _KEY_V4.search(given) or _KEY_V2.match(given)
    if found:
        return Shown(found[1], headers.get("X-Amz-Security-Token"))
    token = arguments.get("X-Amz-Security-Token") or arguments.get("x-amz-security-token")
    if "X-Amz-Credential" in arguments and "X-Amz-Signature" in arguments:
        return Shown(arguments["X-Amz-Credential"].partition("/")[0], token, in_header=False)
    if "AWSAccessKeyId" in arguments and "Signature" in arguments:
        return Shown(arguments["AWSAccessKeyId"], token, in_header=False)
    return None


def in_form(form: Mapping[str, str]) -> Shown | None:
    """What the form of a browser's upload to S3 shows."""
    fields = {name.lower(): value for name, value in form.items()}
    if "x-amz-credential" not in fields:
        return None
    key = fields["x-amz-credential"].partition("/")[0]
    return Shown(key, fields.get("x-amz-security-token"), in_header=False)

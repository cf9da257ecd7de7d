"""Whether the signature in a request's header is that of the key it names: Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
The account's own key has no secret on the twin; everybody else's has.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from botocore.utils import normalize_url_path

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)


@dataclass(frozen=True)
class Sent:
    """A request as it was sent. path: as in the request line; query: its pairs, decoded; headers in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]


def is_signed_with(secret: str, sent: Sent, body: bytes) -> bool:
    """Whether the Authorization header was made with the secret."""
    found = _HEADER.fullmatch(sent.headers.get("authorization", ""))
    when = sent.headers.get("x-amz-date", "")
    if found is None or not when.startswith(found["date"]):
        return False
    scope = f"{found['date']}/{found['region']}/{found['service']}/aws4_request"
    canonical = _canonical(sent, found["signed"], found["service"], body)
    text = "\n".join(("AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = _key(secret, found["date"], found["region"], found["service"])
    return hmac.compare_digest(_mac(key, text).hex(), found["signature"])


def _canonical(sent: Sent, signed: str, service: str, body: bytes) -> str:
    # Every service but S3 signs the path normalised and encoded once more.
    path = sent.path if service == "s3" else quote(normalize_url_path(sent.path), safe="/~")
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in sent.query)
    headers = [f"{name}:{' '.join(sent.headers.get(name, '').split())}" for name in signed.split(";")]
    payload = sent.headers.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return "\n".join((sent.method, path or "/", query, *headers, "", signed, payload))


@lru_cache(maxsize=256)
def _key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")

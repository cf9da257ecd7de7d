"""CloudFormation reads a template that lies in a bucket with the rights of who names it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from localstack.services.cloudformation import api_utils
from localstack.services.s3.utils import extract_bucket_name_and_key_from_headers_and_path


class _Unasked:
    """Stands where core would fetch a template by its plain address, as nobody; it then reads the bucket itself."""

    @staticmethod
    def get(_url: str, **_: object) -> None:
        """Nothing."""


def install() -> None:
    """Let core not ask for templates without credentials."""
    api_utils.safe_requests = _Unasked


def template_of(asked: Mapping[str, Any]) -> str | None:
    """The ARN of the object that is the template, None where the request holds it itself."""
    address = urlsplit(str(asked.get("TemplateURL") or ""))
    if not address.netloc:
        return None
    bucket, key = extract_bucket_name_and_key_from_headers_and_path({"host": address.netloc}, address.path)
    return f"arn:aws:s3:::{bucket}/{key}" if bucket and key else None

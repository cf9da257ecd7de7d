"""What moto forgets of a session: the policies by ARN that limit it, and its tags."""

from typing import Any

from twin.services.iam.callers import session_of


def remember(_chain: Any, context: Any, _response: Any) -> None:
    """After AssumeRole: keep with moto's session what the request said, so that a snapshot holds it too."""
    if context.operation is None or context.service is None or context.service.service_name != "sts":
        return
    if context.operation.name != "AssumeRole" or not isinstance(context.service_response, dict):
        return
    asked = context.service_request or {}
    session = session_of(context.service_response["Credentials"]["AccessKeyId"])
    if session is not None:
        session.twin_policy_arns = [one["arn"] for one in asked.get("PolicyArns") or []]
        session.twin_tags = {one["Key"]: one["Value"] for one in asked.get("Tags") or []}

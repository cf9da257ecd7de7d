"""The gate in the gateway: each call is decided by the policies of who makes it before a slice sees it."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from localstack.aws import handlers
from localstack.aws.api import CommonServiceException
from localstack.aws.spec import load_service
from rolo.request import get_raw_path

from twin.core.timeline import emit
from twin.core.world import world
from twin.services.common import on_behalf
from twin.services.common.api import fault
from twin.services.iam import callers, errors, sessions
from twin.services.iam.actions import prefix
from twin.services.iam.callers import Caller
from twin.services.iam.credentials import Shown, in_form, shown
from twin.services.iam.evaluate import Asked, Kind, Verdict, decide
from twin.services.iam.holdings import bearing
from twin.services.iam.ledger import BOOK
from twin.services.iam.public_access import blocked, refuses_anybody
from twin.services.iam.requests import Call, decisions
from twin.services.iam.signatures import Sent, is_signed_with

type Json = dict[str, Any]

# Signed by nobody: another's word, which the twin cannot check, stands for the credentials.
_BY_ANOTHERS_WORD = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")


def install() -> None:
    """Put the gate into LocalStack's chain: who calls is seen before core signs for the unsigned."""
    handlers.preprocess_request.handlers.insert(0, _note)
    handlers.serve_custom_service_request_handlers.append(_gate)
    handlers.run_custom_response_handlers.append(sessions.remember)
    on_behalf.register(may_assume, refusal)
    BOOK.load(_book())


def save() -> None:
    """Write down what was denied and used."""
    BOOK.save(_book())


def _book() -> Path:
    return world().directory() / "iam.json"


def _note(_chain: Any, context: Any, _response: Any) -> None:
    """Keep the request as it was sent: core rewrites its headers, and moves an address's signature into them."""
    request = context.request
    context.shown = shown(request.headers, request.args)
    context.as_sent = Sent(
        request.method,
        get_raw_path(request),
        tuple(request.args.items(multi=True)),
        {name.lower(): value for name, value in request.headers.items()},
    )
    if _signs_its_body(context):
        # A form is consumed by its reader, and a compressed body replaced: what was signed is kept before.
        context.body = request.stream.read()
        request.stream = io.BytesIO(context.body)


def _signs_its_body(context: Any) -> bool:
    given: Shown | None = context.shown
    if given is None or not given.in_header or given.access_key in callers.ROOT_KEYS:
        return False
    return "x-amz-content-sha256" not in context.as_sent.headers


def _gate(_chain: Any, context: Any, _response: Any) -> None:
    if context.service is None or context.operation is None:
        return
    service, operation = context.service.service_name, context.operation.name
    asked = context.service_request or {}
    caller = _caller(context, service)
    if caller is None:
        return
    if caller.principal.kind is Kind.ANYBODY:
        if not world().iam and service != "s3":
            return
        if operation in _BY_ANOTHERS_WORD:
            raise fault("AccessDenied", f"Not authorized to perform sts:{operation}", 403)
    call = Call(
        caller=caller,
        prefix=prefix(service, context.service.metadata),
        operation=operation,
        asked=_with_key_of_form(context, asked) if operation == "PostObject" else asked,
        region=context.region,
        source=str(context.request.remote_addr or "127.0.0.1"),
        method=context.request.method,
        headers=context.as_sent.headers,
    )
    _enforce(call, service, str(context.protocol))


def _enforce(call: Call, service: str, protocol: str) -> None:
    for asked in decisions(call):
        verdict = judge(call.caller, asked)
        if not verdict.allowed:
            raise _refused(call, asked, verdict, service, protocol)
    if service == "s3":
        _block_public_access(call)


def _block_public_access(call: Call) -> None:
    name = str(call.asked.get("Bucket", ""))
    if call.caller.principal.kind is Kind.ANYBODY and refuses_anybody(name):
        raise errors.unsigned("s3", "rest-xml")
    if call.operation == "PutBucketPolicy" and blocked(name, str(call.asked.get("Policy", ""))):
        raise errors.public_policy(call.caller.principal.arn, name)


def judge(caller: Caller, asked: Asked) -> Verdict:
    """Decide, and note it in the book."""
    verdict = decide(asked, bearing(caller, asked.action, asked.resource))
    if caller.principal.kind in (Kind.ROLE, Kind.USER) and verdict.allowed:
        BOOK.use(caller.shown, asked.action, asked.resource)
    return verdict


def _refused(call: Call, asked: Asked, verdict: Verdict, service: str, protocol: str) -> CommonServiceException:
    message = errors.text(asked, verdict)
    if BOOK.deny(call.caller.shown, asked.action, asked.resource, message, verdict.doubts):
        emit("iam", call.caller.shown.rpartition("/")[2], message)
    if call.caller.principal.kind is Kind.ANYBODY:
        return errors.unsigned(service, protocol)
    return errors.denied(asked, verdict, service, protocol)


def _caller(context: Any, service: str) -> Caller | None:
    """Who calls; None for the twin itself, which is not asked."""
    if context.is_internal_call:
        name = (context.internal_request_params or {}).get("service_principal")
        if not name or not world().iam or (service, context.operation.name) != ("sts", "AssumeRole"):
            return None
        return callers.service(name if "." in name else f"{name}.amazonaws.com")
    given: Shown | None = getattr(context, "shown", None)
    if given is None and context.operation.name == "PostObject":
        given = in_form(context.request.form)
    if given is None:
        return callers.anybody()
    if not world().iam:
        return None
    try:
        caller = callers.by_key(given.access_key, given.token)
    except callers.StrangerError:
        raise errors.stranger(service, str(context.protocol)) from None
    except callers.ExpiredError:
        raise errors.expired(service, str(context.protocol)) from None
    if caller.secret is not None and not _is_signed(context, caller.secret, given, service):
        raise errors.wrong_signature(service, str(context.protocol))
    return caller


def _is_signed(context: Any, secret: str, given: Shown, service: str) -> bool:
    """Whether the signature is the caller's; that of an address or a form of S3 has been checked already."""
    if given.in_header:
        return is_signed_with(secret, context.as_sent, getattr(context, "body", b""))
    return service == "s3"


def _with_key_of_form(context: Any, asked: Mapping[str, Any]) -> Json:
    fields = {name.lower(): value for name, value in context.request.form.items()}
    return {**asked, "Key": fields.get("key", "")}


def may_assume(session: on_behalf.Session) -> bool:
    """Whether the role's trust policy lets the service assume it."""
    if not world().iam:
        return True
    asked = {"RoleArn": session.role, "RoleSessionName": session.name}
    call = Call(callers.service(session.service), "sts", "AssumeRole", asked, session.region)
    return all(judge(call.caller, one).allowed for one in decisions(call))


def refusal(session: on_behalf.Session, api: str, operation: str, asked: Mapping[str, Any]) -> ClientError | None:
    """What AWS would answer the role's session, None where it may."""
    if not world().iam:
        return None
    metadata = load_service(api).metadata
    try:
        caller = callers.of_session(session.role, session.name)
        call = Call(caller, prefix(api, metadata), operation, asked, session.region)
        _enforce(call, api, str(metadata["protocol"]))
    except callers.StrangerError:
        error = errors.stranger(api, str(metadata["protocol"]))
    except CommonServiceException as refused:
        error = refused
    else:
        return None
    return ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation)

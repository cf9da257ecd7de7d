"""Whether a request has the shape that its operation wants, before a slice looks at what it says.

Query APIs name what is missing as https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html does,
JSON APIs as their common errors; that the elbv2 API speaks of a null member was seen in answers of AWS.
"""

from typing import Any

from botocore.model import OperationModel
from botocore.validate import ParamValidator
from localstack.aws.api import CommonServiceException
from localstack.aws.handlers.service import ServiceRequestParser
from localstack.aws.protocol.parser import OperationNotFoundParserError, RequestParserError

type Json = dict[str, Any]

# Services that look at the rest by themselves, since they tell of more than one thing at once.
WORDY = {"elbv2"}


def check(operation: OperationModel, request: Json) -> None:
    """Raise AWS's error for a parameter that is missing, of a wrong type, or below its least value or length."""
    if operation.input_shape is None:
        return
    given = {name: value for name, value in request.items() if value is not None}
    report = ParamValidator().validate(given, operation.input_shape)
    for kind, name, more in report._errors:
        if kind == "invalid type" or operation.service_model.service_name not in WORDY:
            raise _refusal(operation, kind, name.lstrip("."), more)


def install() -> None:
    """Let a request that cannot be read be the caller's error; core calls it an internal one of its own."""
    parse = ServiceRequestParser.parse_and_enrich

    def parse_or_refuse(self: Any, context: Any) -> None:
        try:
            parse(self, context)
        except OperationNotFoundParserError:
            raise
        except RequestParserError as error:
            is_json = str(context.protocol).startswith("json")
            # Without an operation an error has no form in which it could be told.
            context.operation = context.service.operation_model(_asked(context))
            code = "SerializationException" if is_json else "MalformedInput"
            raise CommonServiceException(code, str(error), status_code=400, sender_fault=True) from error

    ServiceRequestParser.parse_and_enrich = parse_or_refuse


def _asked(context: Any) -> str:
    names: list[str] = context.service.operation_names
    said = context.request.headers.get("X-Amz-Target", "").rpartition(".")[2] or context.request.values.get("Action")
    return said if said in names else names[0]


def _refusal(operation: OperationModel, kind: str, name: str, more: Json) -> CommonServiceException:
    service = operation.service_model
    is_json = service.metadata["protocol"] == "json"
    where = ".".join(part for part in (name, more.get("required_name")) if part)
    code = "InvalidParameterException" if is_json else "ValidationError"
    text = f"1 validation error detected: Value {{}} at '{where}' failed to satisfy constraint: Member must {{}}"
    match kind:
        case "missing required field" if service.service_name in ("rds", "elasticache"):
            code, text = "MissingParameter", f"The request must contain the parameter {where}."
        case "missing required field":
            text = text.format("null", "not be null")
        case "invalid range":
            text = text.format(f"'{more['param']}'", f"have value greater than or equal to {more['min_allowed']}")
        case "invalid length":
            text = text.format(f"'{more['param']}'", f"have length greater than or equal to {more['min_allowed']}")
        case _:
            code, text = "SerializationException" if is_json else "MalformedInput", f"{where} has the wrong type"
    return CommonServiceException(code, text, status_code=400, sender_fault=True)

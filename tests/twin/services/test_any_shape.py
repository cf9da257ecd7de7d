"""Whatever an operation of the slices is sent, of the right shape or broken, its answer is never an internal error."""

import importlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twin.core.world import World
from twin.keeper_control import start, stop
from twin.services.slices import APIS

EXAMPLES = 10
DEPTH = 3
NAMES = [
    "", "a", "default", "x" * 300, "이름", "a b", "-", "subnet-1", "10.0.0.0/33", "1" * 40, "null", "%00", "a/b:1",
    "arn:aws:ecs:ap-northeast-2:000000000000:cluster/nobody", "arn:aws:x", "2026-01-01T00:00:00Z",
    "arn:aws:elasticloadbalancing:ap-northeast-2:000000000000:targetgroup/nobody/0123456789abcdef",
]  # fmt: skip
BROKEN: list[Any] = ["", "abc", -1, 1.5, True, None, [], {}, ["a"], {"a": 1}, "9" * 30, [[{}]]]

type Json = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a twin of its own: what is sent here may make, change and remove anything."""
    environment = {
        "TWIN_STATE": str(tmp_path_factory.mktemp("shapes") / "state"),
        "TWIN_ID": os.environ.get("TWIN_ID", "7"),
        "TWIN_SPEED": "20",
    }
    here = World.from_environment(environment)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        start(here, timeout=90)
    with httpx.Client(base_url=here.gateway_url, trust_env=False, timeout=30) as client:
        yield client
    stop(here, timeout=60)


@dataclass(frozen=True)
class Operation:
    """An operation that a slice answers by itself."""

    service: ServiceModel
    model: OperationModel

    @property
    def inputs(self) -> st.SearchStrategy[Json]:
        """Parameters as its shape has them."""
        shape = self.model.input_shape
        return _values(shape, DEPTH) if shape is not None else st.just({})

    def send(self, gateway: httpx.Client, parameters: Json, broken: Any = None, at: int = 0) -> httpx.Response:
        """Send the parameters, one of them replaced by `broken`."""
        protocol = self.service.metadata["protocol"]
        made = create_serializer(protocol, include_validation=False).serialize_to_request(parameters, self.model)
        body = made["body"]
        if protocol == "json":
            content = json.dumps(_spoilt(json.loads(body), broken, at))
        else:
            names = sorted(set(body) - {"Action", "Version"})
            if names and broken is not None:
                body = body | {names[at % len(names)]: broken if isinstance(broken, str) else json.dumps(broken)}
            content = str(httpx.QueryParams({name: str(value) for name, value in body.items()}))
        scope = f"20260101/ap-northeast-2/{self.service.signing_name}/aws4_request"
        signed = f"AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders=host, Signature=0"
        return gateway.post("/", content=content, headers={**made["headers"], "Authorization": signed})


def _operations() -> Iterator[Any]:
    for name in APIS:
        provider = importlib.import_module(f"twin.services.{name}.provider").PROVIDER
        methods = [getattr(provider, method) for method in dir(type(provider))]
        service = _service(name)
        for answered in sorted(method.answers for method in methods if hasattr(method, "answers")):
            yield pytest.param(Operation(service, service.operation_model(answered)), id=f"{name}:{answered}")


def _service(name: str) -> ServiceModel:
    from botocore.loaders import Loader  # noqa: PLC0415 - only here

    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


@pytest.mark.parametrize("operation", _operations())
def test_no_shape_is_an_internal_error(gateway: httpx.Client, operation: Operation) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(operation.inputs, st.none() | st.sampled_from(BROKEN), st.integers(0, 20))
    def send(parameters: Json, broken: Any, at: int) -> None:
        answer = operation.send(gateway, parameters, broken, at)
        said = f"{answer.status_code} {answer.text[:400]}"
        assert answer.status_code < 500 or answer.status_code == 501, said
        assert answer.status_code < 400 or "rror" in answer.text or "__type" in answer.text, said

    send()


def _values(shape: Shape, depth: int) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - a case a type
    match shape.type_name:
        case "structure":
            required = {name for name in shape.members if name in shape.required_members}
            optional = [name for name in shape.members if name not in required] if depth else []
            chosen = st.lists(st.sampled_from(optional), max_size=4, unique=True) if optional else st.just([])
            return chosen.flatmap(
                lambda more: st.fixed_dictionaries(
                    {name: _values(shape.members[name], max(depth - 1, 0)) for name in sorted(required | set(more))}
                )
            )
        case "list":
            return st.lists(_values(shape.member, max(depth - 1, 0)), max_size=2)
        case "map":
            return st.dictionaries(st.sampled_from(NAMES), _values(shape.value, max(depth - 1, 0)), max_size=2)
        case "string":
            return st.sampled_from(shape.enum) | st.sampled_from(NAMES) if shape.enum else st.sampled_from(NAMES)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.sampled_from([-1, 0, 1, 2, 80, 256, 70000, 2**31])
        case "float" | "double":
            return st.sampled_from([-0.5, 0.0, 1.5, 1e12])
        case "timestamp":
            return st.sampled_from([0, 1795626562])
        case "blob":
            return st.sampled_from([b"", b"\x00\xff"])
    raise AssertionError(f"no values for {shape.type_name}")


def _spoilt(body: Any, broken: Any, at: int) -> Any:
    """The body with one of its values, at any depth, replaced."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(one, dict | list):
                walk(one)

    walk(body)
    if places and broken is not None:
        holder, key = places[at % len(places)]
        holder[key] = broken
    return body

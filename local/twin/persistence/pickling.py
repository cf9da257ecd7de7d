"""How LocalStack's and moto's state becomes bytes and comes back: each service's containers, and what needs help."""

import importlib
import io
import pickle
import queue
import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import dill
from cryptography import x509
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import serialization
from localstack.services.plugins import SERVICE_PLUGINS
from localstack.services.stores import AccountRegionBundle
from localstack.state import pickle as localstack_pickle
from localstack.state.core import AssetDirectory
from moto.core.base_backend import BackendDict, BaseBackend


@dataclass
class _Walk:
    """Which moto backends belong to the container that is being written; others are referred to by name."""

    own: set[int] = field(default_factory=set)


_walk = _Walk()


class _Pickler(pickle.Pickler):
    """CPython's own pickler with LocalStack's and our reducers: several times as fast as dill's, written in Python.

    What only dill can write (a lambda, a class made inside a function) is written by dill.
    """

    def reducer_override(self, one: Any) -> Any:
        """How `one` is written, NotImplemented for the usual way."""
        if isinstance(one, types.FunctionType | type):
            return NotImplemented if "<" not in one.__qualname__ else (dill.loads, (dill.dumps(one),))
        save = _reducer(type(one))  # type: ignore[arg-type]  # a class is hashable
        if save is None:
            return NotImplemented
        caught = _Caught()
        save(caught, one)
        return caught.reduced


class _Caught:
    """Stands for the pickler that LocalStack's reducers write to, and keeps what they write."""

    reduced: tuple[Any, ...]

    def save_reduce(self, *reduced: Any, obj: Any) -> None:  # noqa: ARG002 - pickle's signature
        """What a reducer calls."""
        self.reduced = reduced


@cache
def _reducer(kind: Any) -> Callable[[Any, Any], None] | None:
    registered: dict[type, Callable[[Any, Any], None]] = localstack_pickle.Pickler.dispatch_overwrite
    if kind in registered:
        return registered[kind]
    for base in kind.__mro__[1:]:
        if base in localstack_pickle.Pickler.match_subclasses_of and base in registered:
            return registered[base]
    return None


def register_reducers() -> None:
    """Teach LocalStack's pickler what it cannot write by itself."""
    add = localstack_pickle.add_dispatch_entry
    for make in (threading.Lock, threading.RLock):
        add(type(make()), lambda pickler, one, make=make: pickler.save_reduce(make, (), obj=one))
    add(BaseBackend, _save_backend, subclasses=True)
    add(
        queue.Queue,
        lambda pickler, one: pickler.save_reduce(_queue, (type(one), list(one.queue)), obj=one),
        subclasses=True,
    )
    add(threading.Event, lambda pickler, one: pickler.save_reduce(_event, (one.is_set(),), obj=one))
    parameters = importlib.import_module("moto.ssm.models").ParameterDict
    add(parameters, _save_parameters)
    for private in _PRIVATE_KEYS:
        add(private, _save_private_key)
    for public in _PUBLIC_KEYS:
        add(public, _save_public_key)
    add(x509.Certificate, _save_certificate)


def dumps(value: object) -> bytes:
    """The value as bytes."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def loads(data: bytes) -> Any:
    """The value again."""
    return localstack_pickle.loads(data)


def containers(service: str) -> Iterator[tuple[str, str, Any]]:
    """Every container of a loaded service's state, with the module and the name under which it is found again."""
    found: list[Any] = []

    class Collect:
        def visit(self, container: Any) -> None:
            found.append(container)

    SERVICE_PLUGINS.get_service(service).accept_state_visitor(Collect())
    for container in found:
        if not isinstance(container, AssetDirectory):
            yield *_place(container), container


def payload(container: Any) -> dict[str, Any]:
    """What a container holds, without the container."""
    if isinstance(container, AccountRegionBundle):
        _walk.own = set()
        accounts = {a: {"global": bundle._global, "regions": dict(bundle)} for a, bundle in list(container.items())}
        return {"kind": "localstack", "universal": container._universal, "accounts": accounts}
    _walk.own = {id(backend) for account in dict.values(container) for backend in dict.values(account)}
    return {"kind": "moto", "accounts": {a: dict(dict.items(account)) for a, account in dict.items(container)}}


def inject(container: Any, content: dict[str, Any]) -> None:
    """Put back what `payload` gave."""
    if content["kind"] == "localstack":
        container.reset()
        container._universal.update(content["universal"])
        for account, held in content["accounts"].items():
            bundle = container[account]
            bundle._global.update(held["global"])
            for region, store in held["regions"].items():
                store._global, store._universal = bundle._global, bundle._universal
                dict.__setitem__(bundle, region, store)
    else:
        for account, regions in content["accounts"].items():
            specific = container[account]
            for region, backend in regions.items():
                dict.__setitem__(specific, region, backend)


def _place(container: Any) -> tuple[str, str]:
    models = "localstack.services." if isinstance(container, AccountRegionBundle) else "moto."
    modules = sorted(sys.modules.items())
    first = [
        (n, m) for n, m in modules if n.startswith((models, "twin.services.")) and n.endswith(("models", ".stores"))
    ]
    for name, module in [*first, *((n, m) for n, m in modules if n.startswith(("localstack.", "moto.", "twin.")))]:
        for attribute, value in list(vars(module).items()):
            if value is container:
                return name, attribute
    raise LookupError(f"{type(container).__name__} is in no module")


def _save_backend(pickler: Any, backend: Any) -> None:
    if id(backend) not in _walk.own:
        for module, attribute, kept in _backend_dicts():
            for account, specific in dict.items(kept):
                for region, one in dict.items(specific):
                    if one is backend:
                        pickler.save_reduce(_backend, (module, attribute, account, region), obj=backend)
                        return
    pickler.save_reduce(*backend.__reduce_ex__(4), obj=backend)


def _backend_dicts() -> Iterator[tuple[str, str, Any]]:
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and name.endswith(".models"):
            for attribute, value in list(vars(module).items()):
                if isinstance(value, BackendDict) and value.backend.__module__ == name:
                    yield name, attribute, value


def _backend(module: str, attribute: str, account: str, region: str) -> Any:
    return getattr(importlib.import_module(module), attribute)[account][region]


# The classes of the keys that certificates of ACM and keys of KMS hold; they are made in Rust and know no pickling.
_PRIVATE_KEYS = (openssl.ec.ECPrivateKey, openssl.rsa.RSAPrivateKey, openssl.ed25519.Ed25519PrivateKey)
_PUBLIC_KEYS = (openssl.ec.ECPublicKey, openssl.rsa.RSAPublicKey, openssl.ed25519.Ed25519PublicKey)
_DER = serialization.Encoding.DER


def _save_private_key(pickler: Any, key: Any) -> None:
    written = key.private_bytes(_DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pickler.save_reduce(_private_key, (written,), obj=key)


def _private_key(written: bytes) -> Any:
    return serialization.load_der_private_key(written, None)


def _save_public_key(pickler: Any, key: Any) -> None:
    written = key.public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    pickler.save_reduce(_public_key, (written,), obj=key)


def _public_key(written: bytes) -> Any:
    return serialization.load_der_public_key(written)


def _save_certificate(pickler: Any, certificate: x509.Certificate) -> None:
    pickler.save_reduce(_certificate, (certificate.public_bytes(_DER),), obj=certificate)


def _certificate(written: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(written)


def _queue(kind: type[queue.Queue[Any]], items: list[Any]) -> Any:
    made = kind()
    for item in items:
        made.put(item)
    return made


def _event(is_set: bool) -> threading.Event:
    made = threading.Event()
    if is_set:
        made.set()
    return made


def _save_parameters(pickler: Any, parameters: Any) -> None:
    pickler.save_reduce(
        _parameters, (parameters.account_id, parameters.region_name, dict(dict.items(parameters))), obj=parameters
    )


def _parameters(account: str, region: str, items: dict[str, Any]) -> Any:
    made = importlib.import_module("moto.ssm.models").ParameterDict(account, region)
    for name, versions in items.items():
        dict.__setitem__(made, name, versions)
    return made

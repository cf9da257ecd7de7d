"""The secret that belongs to an access key, for checking signatures made outside of a request's header."""

from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from twin.services.common.api import ACCOUNT

# The keys that tools are told to use where no key is asked for.
_ROOT_KEYS = {"test", ACCOUNT}
_ROOT_SECRET = "test"  # noqa: S105 - it opens nothing but this machine's twin


def secret_of(access_key: str, _region: str) -> str | None:
    """The secret of an access key of a user, of an assumed role or of the account itself; None for a strange one."""
    if access_key in _ROOT_KEYS:
        return _ROOT_SECRET
    user: Any = iam_backends[ACCOUNT]["aws"].access_keys.get(access_key)
    if user is not None:
        return str(user.secret_access_key)
    role: Any = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(access_key)
    return str(role.secret_access_key) if role is not None else None

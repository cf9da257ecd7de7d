"""Parameters of RDS for PostgreSQL: which the twin puts in force, what the engine takes, what waits for a reboot.

Which may change at once: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Parameters.html
"""

from collections.abc import Iterable, Mapping

from twin.engines.postgres_settings import Setting, all_settings, complaint, libraries
from twin.services.common.api import Json
from twin.services.rds import errors
from twin.services.rds.models import Method, Parameter, ParameterGroup

FAMILY = "postgres17"
DEFAULT_GROUP = f"default.{FAMILY}"
FORCE_SSL = "rds.force_ssl"
MOST_PER_REQUEST = 20

# On these the twin's own order stands: where a node listens and logs, TLS, replication, what makes commits durable.
_GOVERNED_GROUPS = (
    "File Locations",
    "Connections and Authentication / Connection Settings",
    "Connections and Authentication / SSL",
    "Connections and Authentication / Authentication",
    "Replication / ",
    "Reporting and Logging / Where to Log",
    "Write-Ahead Log / Archiv",
    "Write-Ahead Log / Recovery",
    "Developer Options",
)
_GOVERNED = {"wal_level", "wal_log_hints", "fsync", "full_page_writes", "synchronous_commit", "allow_alter_system",
             "data_sync_retry", "restart_after_crash", "data_checksums"}  # fmt: skip
_FREE = {"max_connections", "superuser_reserved_connections", "reserved_connections", "authentication_timeout",
         "max_wal_senders", "max_replication_slots", "max_slot_wal_keep_size",
         "max_logical_replication_workers", "max_sync_workers_per_subscription"}  # fmt: skip
_TYPES = {"BOOLEAN": "boolean", "INTEGER": "integer", "REAL": "float", "ENUM": "string", "STRING": "string"}


def is_modifiable(setting: Setting) -> bool:
    """Whether a user may set it."""
    governed = setting.name in _GOVERNED or setting.group.startswith(_GOVERNED_GROUPS)
    return setting.name in _FREE or not governed


def checked(name: str, value: str, method: Method | None) -> Parameter:
    """The parameter to be kept, or AWS's error; without a method the one that the parameter allows."""
    if name == FORCE_SSL:
        if value not in ("0", "1"):
            raise errors.value(f"Invalid parameter value: {value} for: {name} allowed values are: 0,1")
        return Parameter(value, method or Method.IMMEDIATE)
    setting = all_settings().get(name)
    if setting is None:
        raise errors.value(f"Could not find parameter with name: {name}")
    if not is_modifiable(setting):
        raise errors.value(f"The parameter {name} cannot be modified.")
    if setting.needs_restart and method is Method.IMMEDIATE:
        raise errors.combination("cannot use immediate apply method for static parameter")
    if "{" in value:
        raise errors.not_done(f"formulas in parameters ({name})")
    if words := _refused(setting, value):
        raise errors.value(f"Invalid parameter value: {value} for: {name} {words}")
    return Parameter(value, method or method_of(name))


def method_of(name: str) -> Method:
    """How CloudFormation has a parameter put in force: at once where that is possible."""
    setting = all_settings().get(name)
    return Method.REBOOT if setting is not None and setting.needs_restart else Method.IMMEDIATE


def everything(group: ParameterGroup) -> dict[str, str]:
    """What a server that starts now gets."""
    return {name: parameter.value for name, parameter in sorted(group.parameters.items())}


def at_once(group: ParameterGroup, booted: Mapping[str, str], booted_group: str) -> dict[str, str]:
    """What a running server is to have; a group that it did not start with, or what waits for a reboot, comes later."""
    if group.name != booted_group:
        return dict(booted)
    wanted = {n: p.value for n, p in group.parameters.items() if p.method is Method.IMMEDIATE}
    waiting = {n for n, p in group.parameters.items() if p.method is Method.REBOOT}
    settings = all_settings()
    waiting |= {n for n in booted if n not in group.parameters and n in settings and settings[n].needs_restart}
    return dict(sorted((wanted | {n: booted[n] for n in waiting if n in booted}).items()))


def as_settings(parameters: Mapping[str, str]) -> dict[str, str]:
    """Those that are the engine's own."""
    return {name: value for name, value in parameters.items() if not name.startswith("rds.")}


def forces_tls(parameters: Mapping[str, str]) -> bool:
    """Whether plain text is refused: so it is by default since PostgreSQL 15.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    """
    return parameters.get(FORCE_SSL, "1") == "1"


def described(group: ParameterGroup, source: str | None) -> list[Json]:
    """Every parameter as the API lists it, or those of one source: user, system, engine-default."""
    own = [
        {
            "ParameterName": FORCE_SSL,
            "Description": "Force SSL connections.",
            "ApplyType": "dynamic",
            "DataType": "boolean",
            "AllowedValues": "0,1",
            "IsModifiable": True,
            **_given(group, FORCE_SSL, {"ParameterValue": "1", "Source": "system"}),
        }
    ]
    listed = own + [_setting(group, setting) for setting in all_settings().values()]
    found = sorted(listed, key=lambda one: str(one["ParameterName"]))
    return [one for one in found if source is None or one["Source"] == source]


def _setting(group: ParameterGroup, setting: Setting) -> Json:
    limits = {"AllowedValues": f"{setting.least}-{setting.most}"} if setting.least else {}
    if setting.kind == "BOOLEAN":
        limits = {"AllowedValues": "0,1"}
    return {
        "ParameterName": setting.name,
        "Description": setting.description,
        "ApplyType": "static" if setting.needs_restart else "dynamic",
        "DataType": _TYPES[setting.kind],
        "IsModifiable": is_modifiable(setting),
        **limits,
        **_given(group, setting.name, {"Source": "engine-default"}),
    }


def _given(group: ParameterGroup, name: str, default: Json) -> Json:
    parameter = group.parameters.get(name)
    if parameter is None:
        return {"ApplyMethod": Method.REBOOT.value, **default}
    return {"ParameterValue": parameter.value, "Source": "user", "ApplyMethod": parameter.method.value}


def _refused(setting: Setting, value: str) -> str | None:
    if setting.kind == "BOOLEAN" and value not in ("0", "1"):
        return "allowed values are: 0,1"
    if setting.kind == "INTEGER" and not value.removeprefix("-").isdigit():
        return f"allowed values are: {setting.least}-{setting.most}"
    if setting.name.endswith("preload_libraries"):
        return _strange_libraries(value.split(","))
    said = complaint(setting.name, value)
    if said and setting.least:
        return f"allowed values are: {setting.least}-{setting.most}"
    return said and f"({said})"


def _strange_libraries(names: Iterable[str]) -> str | None:
    strange = sorted({name.strip() for name in names if name.strip()} - libraries())
    return f"the engine has no {', '.join(strange)}" if strange else None

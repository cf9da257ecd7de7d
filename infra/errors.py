"""The errors of the room.

InfraError
├── SettingsError   an environment is unknown or lacks something it must have
├── SynthError      the templates could not be written
└── DeployError     a deployment cannot start or has failed
    └── Interrupted the user ended it
"""


class InfraError(Exception):
    """Base of what this room raises; its text is one plain line for the user."""


class SettingsError(InfraError):
    """An environment is unknown, or lacks what it must have."""


class SynthError(InfraError):
    """The templates could not be written."""


class DeployError(InfraError):
    """A deployment cannot start, or has failed; the text names the resource and the reason."""


class Interrupted(DeployError):  # noqa: N818  # it reads as what happened
    """The user ended the deployment; what was begun at AWS goes on there."""

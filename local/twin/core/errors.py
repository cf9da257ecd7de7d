"""The errors of the room.

CoreError
├── WorldError      a setting or the machine does not allow a twin
├── AddressError    no address left, or none can be mapped
└── ProcessError    a process could not be started or stopped
"""


class CoreError(Exception):
    """Base of what this room raises; its text is one plain line for the user."""


class WorldError(CoreError):
    """A setting or the machine does not allow a twin here."""


class AddressError(CoreError):
    """No address is left, or an address has no loopback twin."""


class ProcessError(CoreError):
    """A process could not be started or stopped."""

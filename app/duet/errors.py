"""What goes wrong in the app, in one tree.

DuetError
├── ConfigurationError   the environment lacks something or holds nonsense; the process must not start
├── RuleError            a rule of the product says no; its text is for the person
└── TooManyAttempts      asked too often; carries the seconds to wait
"""


class DuetError(Exception):
    """Base of all errors of the app."""


class ConfigurationError(DuetError):
    """The environment does not configure the app; the text names the variable."""


class RuleError(DuetError):
    """A rule of the product says no; the text is translated and meant to be shown."""


class TooManyAttempts(DuetError):  # noqa: N818 - named for what happened
    """Something was tried too often; `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts, wait {seconds} s")
        self.seconds = seconds

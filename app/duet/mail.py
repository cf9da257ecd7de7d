"""Mail by SES. A mail that cannot be sent is logged and never breaks the request it belongs to."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, current_app

from duet import aws
from duet.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

_EXTENSION = "duet.mail"


class Mailer:
    """sender: the address mails come from, None for no mail at all. Threads share it."""

    def __init__(self, sender: str | None, region: str) -> None:
        self.sender = sender
        self._region = region
        self._making = threading.Lock()

    @property
    def ses(self) -> "SESClient":
        """The client, made at the first mail: most tasks of a quiet hour send none."""
        with self._making:
            return self._ses

    @cached_property
    def _ses(self) -> "SESClient":
        # A person waits for the page: a mail gets one short try.
        config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})
        made = aws.session().create_client("ses", region_name=self._region, config=config)
        return cast("SESClient", made)


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app its mailer; nothing is connected yet."""
    app.extensions[_EXTENSION] = Mailer(settings.mail_sender, settings.storage.region)


def send(to: str, subject: str, text: str) -> bool:
    """Send a plain mail; return whether SES took it."""
    mailer: Mailer = current_app.extensions[_EXTENSION]
    if mailer.sender is None:
        return False
    try:
        mailer.ses.send_email(
            Source=mailer.sender,
            Destination={"ToAddresses": [to]},
            Message={
                "Subject": {"Data": subject, "Charset": "UTF-8"},
                "Body": {"Text": {"Data": text, "Charset": "UTF-8"}},
            },
        )
    except (ClientError, BotoCoreError) as error:
        current_app.logger.warning("a mail was not sent: %s", error)
        return False
    return True

"""Mail by SES. A mail that cannot be sent is logged and never breaks the request it belongs to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, current_app

from duet.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

_EXTENSION = "duet.mail"


@dataclass(frozen=True)
class Mailer:
    """sender: the address mails come from, None for no mail at all."""

    sender: str | None
    ses: "SESClient"


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app its mailer; nothing is connected yet."""
    # A person waits for the page: a mail gets one short try.
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})
    ses = boto3.client("ses", region_name=settings.storage.region, config=config)
    app.extensions[_EXTENSION] = Mailer(settings.mail_sender, ses)


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

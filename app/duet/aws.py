"""The one botocore session of a process: what it read to make one client, the next need not read again.

botocore and not boto3: what boto3 adds (transfers in parts, resources) is unused and takes a tenth of the start.
"""

from functools import cache

import botocore.session
from botocore.session import Session


@cache
def session() -> Session:
    """The session; clients are made from it by one thread at a time, and may then be shared."""
    return botocore.session.get_session()

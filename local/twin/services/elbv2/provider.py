from twin.services.common.api import Provider


class Slice(Provider):
    service = "elbv2"


PROVIDER = Slice()

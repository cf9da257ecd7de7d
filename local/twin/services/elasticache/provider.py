from twin.services.common.api import Provider


class Slice(Provider):
    service = "elasticache"


PROVIDER = Slice()

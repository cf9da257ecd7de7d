from twin.services.common.api import Provider


class Slice(Provider):
    service = "ecr"


PROVIDER = Slice()

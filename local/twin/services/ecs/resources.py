from twin.services.common.resources import Resource

RESOURCES: list[type[Resource]] = []

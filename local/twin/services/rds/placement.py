"""In which subnet each node of an instance lives: two nodes, two zones."""

from collections.abc import Sequence

from twin.services.common.subnets import Subnet
from twin.services.rds.volume import FIRST, NODES, Record


def place(subnets: Sequence[Subnet], wanted: str, record: Record | None) -> dict[str, Subnet]:
    """The subnet of each node. A volume's nodes stay in their zones while the subnets cover them; else the primary
    goes to the zone wanted, or the first."""
    by_zone: dict[str, Subnet] = {}
    for subnet in sorted(subnets, key=lambda one: (one.zone, one.id)):
        by_zone.setdefault(subnet.zone, subnet)
    zones = list(by_zone)
    chosen = {name: zone for name, zone in (record.zones if record else {}).items() if zone in by_zone}
    if not chosen and wanted in by_zone:
        chosen[FIRST] = wanted
    for name in NODES:
        free = [zone for zone in zones if zone not in chosen.values()]
        if name not in chosen and free:
            chosen[name] = free[0]
    return {name: by_zone[zone] for name, zone in chosen.items()}

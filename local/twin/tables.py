"""The status, and the way from one to another, as a person reads them."""

from typing import Any


def render_status(seen: dict[str, Any]) -> str:
    """Turn the status into a short text of tables; parts that do not exist are left out."""
    parts = [
        f"{'ready' if seen['ready'] else 'not ready'}  speed {seen['speed']:g}  {seen['region']}",
        _snapshot(seen),
        _table("ENDPOINT", [(k, v) for k, v in seen["endpoints"].items() if v]),
        _table("STACK", [(s["name"], s["status"]) for s in seen["stacks"]]),
        _table("BALANCER", [row for b in seen["load_balancers"] for row in _balancer(b)]),
        _table("SERVICE", [row for s in seen["services"] for row in _service(s)]),
        _table("DATABASE", [row for d in seen["databases"] for row in _nodes(d)]),
        _table("CACHE", [row for c in seen["caches"] for row in _nodes(c)]),
    ]
    return "\n\n".join(part for part in parts if part)


def _snapshot(seen: dict[str, Any]) -> str:
    error = (seen.get("snapshot") or {}).get("error")
    return f"! the snapshot of the control plane {error}" if error else ""


def render_way(way: dict[str, Any]) -> str:
    """Turn one way into a line for each hop, and one for what is missing."""
    head = f"{way['source']} → {way['target']}, {way['protocol']} {way['port']}: {'open' if way['open'] else 'closed'}"
    rows: list[tuple[object, ...]] = [
        ("✓" if hop["open"] else "✗", hop["what"], hop["where"], hop["says"]) for hop in way["hops"]
    ]
    return "\n".join([_table(head, rows) or head, *([f"missing: {way['missing']}"] if way["missing"] else [])])


def _balancer(balancer: dict[str, Any]) -> list[tuple[object, ...]]:
    nodes = [
        (balancer["name"], "node", z["zone"], f"{z['address']}:{z['port']}", "up" if z["up"] else "down")
        for z in balancer["zones"]
    ]
    targets = [
        ("", "target", t["zone"], f"{t['id']}:{t['port']}", f"{t['state']} {t['reason'] or ''}".rstrip())
        for t in balancer["targets"]
    ]
    return [*nodes, *targets]


def _service(service: dict[str, Any]) -> list[tuple[object, ...]]:
    head = (service["name"], f"{service['running']} of {service['desired']} running", "", "", "", "")
    tasks = [
        ("", t["arn"].rsplit("/", 1)[-1][:8], t["zone"], f"{t['address']}:{t['port']}", t["pid"], t["status"])
        for t in service["tasks"]
    ]
    return [head, *tasks]


def _nodes(thing: dict[str, Any]) -> list[tuple[object, ...]]:
    endpoint = thing.get("endpoint") or thing.get("primary_endpoint") or {"address": "-", "port": "-"}
    head = (thing["id"], thing["status"], "", f"{endpoint['address']}:{endpoint['port']}", "", thing.get("lacks") or "")
    nodes = [
        ("", n["role"], n["zone"], f"{n['address']}:{n['port']}", n["pid"], _replication(n)) for n in thing["nodes"]
    ]
    return [head, *nodes]


def _replication(node: dict[str, Any]) -> str:
    return node.get("sync_state") or (f"link {node['link']}" if node.get("link") else "")


def _table(title: str, rows: list[tuple[object, ...]]) -> str:
    if not rows:
        return ""
    texts = [[str(cell) if cell is not None else "-" for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    lines = ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in texts]
    return "\n".join([title, *lines])

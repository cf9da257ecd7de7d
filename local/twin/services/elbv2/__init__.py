"""Elastic Load Balancing: application load balancers, an Envoy node in each zone, targets checked by AWS's rules.

`models` holds what is wanted; the operations (`balancers`, `groups`, `targets`, `listeners`, `rules`, `records`)
change it; `controller` makes it so. What was observed (health, nodes) is never stored: a restart observes again.
"""

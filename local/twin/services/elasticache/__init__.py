"""ElastiCache: replication groups of Valkey, a primary and its replicas over the zones, behind endpoints that end TLS.

`models` holds what is wanted; the operations (`groups`, `subnet_groups`, `parameter_groups`, `records`) change it;
`controller` makes it so. What was observed (processes, roles, links) is never stored: a restart observes again.
"""

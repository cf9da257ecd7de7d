"""RDS for PostgreSQL: real servers, in two zones where Multi-AZ is wanted, behind one endpoint with TLS.

It records what is wanted and makes it so; it reports only what was seen. It takes no snapshots of data and keeps none.
"""

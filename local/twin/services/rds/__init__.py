"""RDS for PostgreSQL: real servers, in two zones where Multi-AZ is wanted, behind one endpoint with TLS.

It records what is wanted and makes it so; it reports only what was seen. Snapshots are copies of running servers,
automated backups such copies with an archive of the log.
"""

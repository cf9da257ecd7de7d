"""Who reaches whom: security groups, network ACLs and routes as EC2 has them, decided for whatever the slices run.

The slices tell what has an address (interfaces); this room decides (reach), explains, and knows no slice.
"""

"""What the control plane remembers: snapshots of LocalStack's state, and every S3 object as it comes.

Knows LocalStack and moto from inside; no slice imports it.
"""

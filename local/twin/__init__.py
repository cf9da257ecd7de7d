"""The twin: a CDK architecture running for real on one machine.

Imports point one way: `cli` and `plugins` → `services` → `engines` → `core`.
"""

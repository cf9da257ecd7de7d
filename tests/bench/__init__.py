"""The figures of docs/performance.md, measured in one run on a clone of its own; no unit test times anything."""

"""The stacks: they compose components and name outputs, and decide nothing."""

"""CloudFormation's truth: types the twin lacks and properties AWS would refuse fail when the change set is created."""

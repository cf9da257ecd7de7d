"""What core's EC2 lacks in CloudFormation: groups with their rules, rules of their own, elastic addresses, flow logs."""

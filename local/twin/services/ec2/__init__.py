"""What core's EC2 lacks in CloudFormation: groups with their rules, single rules, elastic addresses, flow logs."""

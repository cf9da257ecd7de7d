"""What core's CloudWatch Logs lacks in CloudFormation."""

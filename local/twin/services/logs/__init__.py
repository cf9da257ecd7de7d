"""What core's CloudWatch Logs lacks: its CloudFormation types, metric filters, the end of old events."""

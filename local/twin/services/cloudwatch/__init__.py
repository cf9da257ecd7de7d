"""CloudWatch: metrics and alarms are LocalStack's; here are the CloudFormation types that it lacks or cannot change."""

"""What core's SQS lacks in CloudFormation."""

"""IAM: LocalStack keeps it; here are the CloudFormation types whose changes core loses or makes by deleting."""

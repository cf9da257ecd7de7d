"""What every slice is built with: how an API is served, how a CloudFormation type is made. No AWS service's rules."""

"""The deployer: carries a cloud assembly out through the AWS API, on AWS and on the twin by the same code.

It checks, publishes, deploys stack by stack with change sets, migrates, smoke-tests and says where the app answers.
It writes no template and changes none: what it deployed, the CDK CLI sees as unchanged. It knows the twin only as an
AWS endpoint, and the app only as a folder to build an image and static files from.
"""

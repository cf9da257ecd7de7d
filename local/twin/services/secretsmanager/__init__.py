"""What LocalStack's Secrets Manager lacks: the attachment of a secret to what it opens."""

"""S3's doors: core serves whoever asks; here a request without a signature, or with a wrong one, gets what AWS gives."""

"""S3's doors: core serves whoever asks; here who comes unsigned, or wrongly signed, gets what AWS gives."""

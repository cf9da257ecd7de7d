"""ECR: moto keeps repositories and manifests; the files of an image lie in the twin's image store."""

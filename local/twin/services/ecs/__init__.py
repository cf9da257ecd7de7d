"""ECS on Fargate: definitions, services and tasks; a container is a process group at its task's own address."""

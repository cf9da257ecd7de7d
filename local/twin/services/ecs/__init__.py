"""ECS on Fargate: task definitions, services and tasks; every container is a process group at the task's own address."""

"""What core's EventBridge lacks: schedules that fire when they are due, and tasks as targets."""

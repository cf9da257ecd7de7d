"""The components: one idea of the architecture each, with the reasons for every rule of AwsSolutions it lets pass."""

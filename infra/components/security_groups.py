"""Who may speak to whom: exactly the paths of a request, in both directions of the rule."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.components.acknowledged import acknowledge

APP_PORT = 8080
DATABASE_PORT = 5432
CACHE_PORT = 6379
_HTTP, _HTTPS, _DNS = 80, 443, 53


class SecurityGroups(Construct):
    """internet → balancer 443 and 80 → task 8080 → database 5432, cache 6379; a task also → 443 outside, and DNS."""

    def __init__(self, scope: Construct, id_: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(scope, id_)
        self._vpc = vpc
        self.balancer = self._group("Balancer", "Load balancer: HTTPS, and HTTP for its redirect, from anywhere")
        self.task = self._group("Task", "Tasks of the app: from the load balancer only")
        self.database = self._group("Database", "Database: from tasks only")
        self.cache = self._group("Cache", "Cache: from tasks only")
        self._admit_the_world()
        self._path(self.balancer, self.task, APP_PORT)
        self._close(self.balancer)
        self._path(self.task, self.database, DATABASE_PORT)
        self._path(self.task, self.cache, CACHE_PORT)
        self._let_tasks_out()

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, name, vpc=self._vpc, description=description, allow_all_outbound=False, disable_inline_rules=False
        )

    def _admit_the_world(self) -> None:
        for port, what in ((_HTTPS, "HTTPS from anywhere"), (_HTTP, "HTTP from anywhere, answered by a redirect")):
            self.balancer.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), what)
        acknowledge(self.balancer, {"EC23": "The load balancer is the one public door; it serves browsers anywhere."})

    def _close(self, group: ec2.SecurityGroup) -> None:
        """Write a rule for nothing into the group: without one, EC2 gives it a rule that lets everything leave, beside
        those that stand apart. The CDK does so itself only for a group without any rule."""
        resource = group.node.default_child
        assert isinstance(resource, ec2.CfnSecurityGroup)
        nothing = ec2.CfnSecurityGroup.EgressProperty(
            cidr_ip="255.255.255.255/32",
            description="Disallow all traffic",
            ip_protocol="icmp",
            from_port=252,
            to_port=86,
        )
        resource.security_group_egress = [nothing]

    def _path(self, source: ec2.SecurityGroup, target: ec2.SecurityGroup, port: int) -> None:
        source.connections.allow_to(target, ec2.Port.tcp(port), f"{source.node.id} to {target.node.id}")

    def _let_tasks_out(self) -> None:
        self.task.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "AWS APIs: images, secrets, logs, S3, mail"
        )
        inside = ec2.Peer.ipv4(self._vpc.vpc_cidr_block)
        for port in (ec2.Port.udp(_DNS), ec2.Port.tcp(_DNS)):
            self.task.add_egress_rule(inside, port, "Names, from the resolver of the VPC")

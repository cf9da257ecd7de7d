"""PostgreSQL 17: a primary and its synchronous standby in another zone, TLS only, in subnets without a way out."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.components.acknowledged import acknowledge
from infra.components.security_groups import DATABASE_PORT
from infra.components.vpc import isolated_subnets
from infra.settings import DatabaseSettings

DATABASE_NAME = "duet"


class Database(Construct):
    """The database instance, and the secret that RDS's attachment completes with host, port and name."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        vpc: ec2.IVpc,
        security_group: ec2.ISecurityGroup,
        database: DatabaseSettings,
        keep_data: bool,
    ) -> None:
        super().__init__(scope, id_)
        # The major version alone: RDS chooses the minor one and upgrades it without drifting from the template.
        engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17)
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            engine=engine,
            instance_type=ec2.InstanceType(database.instance_class.removeprefix("db.")),
            vpc=vpc,
            subnet_group=rds.SubnetGroup(
                self,
                "Subnets",
                description="Isolated subnets of every zone",
                vpc=vpc,
                vpc_subnets=isolated_subnets(),
                removal_policy=RemovalPolicy.DESTROY,
            ),
            security_groups=[security_group],
            port=DATABASE_PORT,
            database_name=DATABASE_NAME,
            credentials=rds.Credentials.from_generated_secret(DATABASE_NAME),
            parameter_group=self._parameters(engine),
            multi_az=database.multi_az,
            publicly_accessible=False,
            storage_type=rds.StorageType.GP3,
            allocated_storage=database.storage,
            max_allocated_storage=database.storage_most,
            storage_encrypted=True,
            ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            backup_retention=Duration.days(database.backup_days),
            # Night and quiet in Seoul; backup before maintenance.
            preferred_backup_window="18:00-18:30",
            preferred_maintenance_window="sun:19:00-sun:19:30",
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            cloudwatch_logs_exports=["postgresql"],
            deletion_protection=keep_data,
            delete_automated_backups=not keep_data,
            removal_policy=RemovalPolicy.SNAPSHOT if keep_data else RemovalPolicy.DESTROY,
        )
        assert self.instance.secret is not None
        self.secret: secretsmanager.ISecret = self.instance.secret
        self._acknowledge(database, keep_data=keep_data)

    def _parameters(self, engine: rds.IInstanceEngine) -> rds.ParameterGroup:
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            description="TLS only; statements over half a second are logged",
            parameters={"rds.force_ssl": "1", "log_min_duration_statement": "500"},
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _acknowledge(self, database: DatabaseSettings, *, keep_data: bool) -> None:
        reasons = {
            "RDS11": "The port is reachable from the tasks' security group only; another number would hide nothing.",
        }
        if not database.multi_az:
            reasons["RDS3"] = "This environment trades the standby for cost; production and the twin have one."
        if not keep_data:
            reasons["RDS10"] = "Nothing in this environment is kept: it must be removable."
        acknowledge(self.instance, reasons)
        acknowledge(
            self,
            {"SMG4": "Rotation needs a function beside the database; until it stands, rotating is an operator's step."},
        )

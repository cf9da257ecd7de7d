"""Secrets Manager's CloudFormation types that core has by name only."""

import json
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, failed

type Json = dict[str, Any]

_INSTANCE = "AWS::RDS::DBInstance"


class SecretTargetAttachment(Resource):
    """Completes a database's secret with where the database is; user name and password stay.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
    """

    TYPE = "AWS::SecretsManager::SecretTargetAttachment"
    REF = "Id"
    HONOURED = frozenset({"SecretId", "TargetId", "TargetType"})

    def create(self, request: Request) -> Progress:
        """Write the secret's next version, unless it says so already."""
        model = request.desired_state
        if model["TargetType"] != _INSTANCE:
            return failed(model, f"the twin does not attach secrets to {model['TargetType']}")
        secrets = self.client(request)
        standing = secrets.get_secret_value(SecretId=model["SecretId"])
        try:
            content = json.loads(standing["SecretString"])
        except (ValueError, KeyError):
            content = None
        if not isinstance(content, dict):
            return failed(model, "The secret's value must be a JSON object to be attached to a database")
        complete = content | self._connection(request, model["TargetId"])
        if complete != content:
            secrets.put_secret_value(SecretId=standing["ARN"], SecretString=json.dumps(complete))
        return done(model | {"Id": standing["ARN"]})

    def update(self, request: Request) -> Progress:
        """Write it again: the database may be another."""
        progress = self.create(request)
        return progress if not progress.message else failed(request.previous_state or {}, progress.message)

    def delete(self, request: Request) -> Progress:  # noqa: ARG002 - the base's signature
        """Attach no longer; the secret keeps what it says."""
        return done({})

    def read(self, request: Request) -> Progress:
        """What was attached."""
        return done(request.desired_state)

    def _connection(self, request: Request, name: str) -> Json:
        rds = self.client(request, "rds")
        found = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        wanted: Json = {
            "engine": found["Engine"],
            "host": found["Endpoint"]["Address"],
            "port": found["Endpoint"]["Port"],
            "dbInstanceIdentifier": found["DBInstanceIdentifier"],
        }
        return wanted | ({"dbname": found["DBName"]} if found.get("DBName") else {})


RESOURCES: list[type[Resource]] = [SecretTargetAttachment]

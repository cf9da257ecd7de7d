"""The secret itself: core draws it from a guessable source, leaves settings out, and cannot change it."""

import json
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, retag, tagged, unless_gone
from twin.services.common.typed import typed

type Json = dict[str, Any]


class Secret(Resource):
    """A secret, given or generated. Its key is recorded: nothing is encrypted here."""

    TYPE, REF = "AWS::SecretsManager::Secret", "Id"
    HONOURED = frozenset({"Description", "GenerateSecretString", "Name", "SecretString", "Tags"})
    RECORDED = frozenset({"KmsKeyId"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, secrets = request.desired_state, self.client(request)
        name = model.get("Name") or self.generated_name(request, 512)
        wanted = {one: model[one] for one in ("Description", "KmsKeyId", "SecretString") if model.get(one)}
        if model.get("GenerateSecretString") is not None:
            wanted["SecretString"] = _generated(secrets, model["GenerateSecretString"])
        made = secrets.create_secret(Name=name, **wanted, **tagged(model))
        return done(model | {"Name": name, "Id": made["ARN"]})

    def update(self, request: Request) -> Progress:
        """Change it; a new value is made only when the way of making it has changed."""
        model, before, secrets = request.desired_state, request.previous_state or {}, self.client(request)
        model |= {one: before[one] for one in ("Name", "Id")}
        wanted: Json = {"Description": model.get("Description") or ""}
        if model.get("KmsKeyId"):
            wanted["KmsKeyId"] = model["KmsKeyId"]
        way = model.get("GenerateSecretString")
        if way is not None and way != before.get("GenerateSecretString"):
            wanted["SecretString"] = _generated(secrets, way)
        elif model.get("SecretString") and model["SecretString"] != before.get("SecretString"):
            wanted["SecretString"] = model["SecretString"]
        secrets.update_secret(SecretId=model["Id"], **wanted)
        retag(
            model,
            before,
            put=lambda tags: secrets.tag_resource(SecretId=model["Id"], Tags=tags),
            take=lambda keys: secrets.untag_resource(SecretId=model["Id"], TagKeys=keys),
        )
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it at once, as CloudFormation does; one that is gone is no error."""
        with unless_gone():
            secret = request.desired_state["Id"]
            self.client(request).delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
        return done({})

    def read(self, request: Request) -> Progress:
        """The secret, if it is there; its value stays where it is."""
        model = request.desired_state
        seen = self.client(request).describe_secret(SecretId=model["Id"])
        return done(model | {"Name": seen["Name"]})


def _generated(secrets: Any, way: Json) -> str:
    """A random value, alone or as one key of the template."""
    own = {"SecretStringTemplate", "GenerateStringKey"}
    wanted = {name: value for name, value in way.items() if name not in own}
    password = str(secrets.get_random_password(**typed(secrets, "GetRandomPassword", wanted))["RandomPassword"])
    if not way.get("SecretStringTemplate"):
        return password
    return json.dumps({**json.loads(way["SecretStringTemplate"]), way["GenerateStringKey"]: password})


RESOURCES: list[type[Resource]] = [Secret]

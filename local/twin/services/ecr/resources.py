"""ECR's CloudFormation type."""

import json
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, retag, tags_of, unless_gone

type Json = dict[str, Any]


class Repository(Resource):
    """A repository. Images are not scanned here: that setting is recorded."""

    TYPE = "AWS::ECR::Repository"
    REF = "RepositoryName"
    HONOURED = frozenset({
        "RepositoryName", "ImageTagMutability", "EmptyOnDelete", "LifecyclePolicy.LifecyclePolicyText",
        "RepositoryPolicyText", "Tags",
    })  # fmt: skip
    RECORDED = frozenset({"ImageScanningConfiguration", "EncryptionConfiguration"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, ecr = request.desired_state, self.client(request)
        name = model.get("RepositoryName") or self.generated_name(request, 200, lower=True, distinct=True)
        made = ecr.create_repository(
            repositoryName=name,
            imageTagMutability=model.get("ImageTagMutability", "MUTABLE"),
            imageScanningConfiguration={"scanOnPush": _scans(model)},
            tags=tags_of(model),
            **_encryption(model),
        )["repository"]
        model |= {"RepositoryName": name, "Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}
        self._record(ecr, model, {})
        return done(model)

    def update(self, request: Request) -> Progress:
        """Change what can be changed in place."""
        model, before, ecr = request.desired_state, request.previous_state or {}, self.client(request)
        model |= {name: before[name] for name in ("RepositoryName", "Arn", "RepositoryUri")}
        ecr.put_image_tag_mutability(
            repositoryName=model["RepositoryName"], imageTagMutability=model.get("ImageTagMutability", "MUTABLE")
        )
        ecr.put_image_scanning_configuration(
            repositoryName=model["RepositoryName"], imageScanningConfiguration={"scanOnPush": _scans(model)}
        )
        retag(
            model,
            before,
            put=lambda tags: ecr.tag_resource(resourceArn=model["Arn"], tags=tags),
            take=lambda keys: ecr.untag_resource(resourceArn=model["Arn"], tagKeys=keys),
        )
        self._record(ecr, model, before)
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it; with images in it only where EmptyOnDelete says so."""
        model = request.desired_state
        with unless_gone():
            self.client(request).delete_repository(
                repositoryName=model["RepositoryName"], force=str(model.get("EmptyOnDelete")).lower() == "true"
            )
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        model = request.desired_state
        seen = self.client(request).describe_repositories(repositoryNames=[model["RepositoryName"]])["repositories"][0]
        return done(model | {"Arn": seen["repositoryArn"], "RepositoryUri": seen["repositoryUri"]})

    @staticmethod
    def _record(ecr: Any, model: Json, before: Json) -> None:
        name = model["RepositoryName"]
        if text := _lifecycle(model):
            ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
        elif _lifecycle(before):
            ecr.delete_lifecycle_policy(repositoryName=name)
        if policy := model.get("RepositoryPolicyText"):
            text = policy if isinstance(policy, str) else json.dumps(policy)
            ecr.set_repository_policy(repositoryName=name, policyText=text)
        elif before.get("RepositoryPolicyText"):
            ecr.delete_repository_policy(repositoryName=name)


def _lifecycle(model: Json) -> str | None:
    return (model.get("LifecyclePolicy") or {}).get("LifecyclePolicyText")


def _encryption(model: Json) -> Json:
    asked = model.get("EncryptionConfiguration")
    if not asked:
        return {}
    return {"encryptionConfiguration": {name[:1].lower() + name[1:]: value for name, value in asked.items()}}


def _scans(model: Json) -> bool:
    return str((model.get("ImageScanningConfiguration") or {}).get("ScanOnPush", False)).lower() == "true"


RESOURCES: list[type[Resource]] = [Repository]

"""How EC2 is asked, and the base of its types that have an id and tags."""

from typing import Any, ClassVar

from twin.services.common.resources import Progress, Request, Resource, done, retag, tagged, unless_gone
from twin.services.common.typed import typed

type Json = dict[str, Any]


def call(ec2: Any, operation: str, parameters: Json) -> Json:
    """Ask EC2, with text turned into numbers and truth values, and without what the template does not say."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", [])}
    answer: Json = ec2._make_api_call(operation, typed(ec2, operation, given))
    return answer


class Tagged(Resource):
    """What has an id and tags. KIND: EC2's word for it in tag specifications. NAMED: the property that is its id."""

    KIND: ClassVar[str]
    NAMED: ClassVar[str] = ""

    def tagged(self, model: Json) -> list[Json]:
        """Its tags as a parameter of its creation."""
        return [{"ResourceType": self.KIND, **tagged(model)}] if model.get("Tags") else []

    def update(self, request: Request) -> Progress:
        """Bring the tags to what the template says, and what else the type can change."""
        model, before, ec2 = request.desired_state, request.previous_state or {}, self.client(request)
        read_only = [path.removeprefix("/properties/") for path in self.SCHEMA.get("readOnlyProperties", [])]
        model |= {name: before[name] for name in {*read_only, self.REF} if name in before}
        ids = [model[self.NAMED or self.REF]]
        retag(
            model,
            before,
            put=lambda tags: ec2.create_tags(Resources=ids, Tags=tags),
            take=lambda keys: ec2.delete_tags(Resources=ids, Tags=[{"Key": key} for key in keys]),
        )
        self.change(ec2, model, before)
        return done(model)

    def change(self, ec2: Any, model: Json, before: Json) -> None:
        """Change what can be changed besides tags."""

    def end(self, request: Request, operation: str, **parameters: Any) -> Progress:
        """Remove it; what is gone is no error."""
        with unless_gone():
            call(self.client(request), operation, parameters)
        return done({})

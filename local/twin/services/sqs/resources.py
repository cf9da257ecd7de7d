"""The CloudFormation types of SQS; core's queue forgets where messages go that nobody could handle."""

import json
from typing import Any

from twin.services.common.api import Json
from twin.services.common.resources import Progress, Request, Resource, done, retag, tags_of, unless_gone

_HONOURED = frozenset(
    {
        "ContentBasedDeduplication",
        "DelaySeconds",
        "FifoQueue",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "RedriveAllowPolicy",
        "RedrivePolicy",
        "VisibilityTimeout",
    }
)
_RECORDED = frozenset({"KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "SqsManagedSseEnabled"})
# What a queue has whose property was taken out of the template:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
_DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedrivePolicy": "",
    "RedriveAllowPolicy": "",
    "VisibilityTimeout": "30",
}


class Queue(Resource):
    """A queue. Its encryption is recorded: nothing is encrypted here."""

    TYPE, REF = "AWS::SQS::Queue", "QueueUrl"
    HONOURED = _HONOURED | {"QueueName", "Tags"}
    RECORDED = _RECORDED

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, sqs = request.desired_state, self.client(request)
        fifo = str(model.get("FifoQueue")).lower() == "true"
        suffix = ".fifo" if fifo else ""
        name = model.get("QueueName") or self.generated_name(request, 80 - len(suffix), distinct=True) + suffix
        tags = {tag["Key"]: tag["Value"] for tag in tags_of(model)}
        attributes = _attributes(model)
        if not fifo:
            attributes.pop("FifoQueue", None)  # the API takes no false
        url = sqs.create_queue(QueueName=name, Attributes=attributes, **({"tags": tags} if tags else {}))["QueueUrl"]
        return done(model | {"QueueName": name, "QueueUrl": url, "Arn": _arn(sqs, url)})

    def update(self, request: Request) -> Progress:
        """Change its attributes; one that was taken out of the template has its default again."""
        model, before, sqs = request.desired_state, request.previous_state or {}, self.client(request)
        model |= {name: before[name] for name in ("QueueName", "QueueUrl", "Arn")}
        wanted = _attributes(model)
        wanted |= {name: value for name, value in _DEFAULTS.items() if name in before and name not in model}
        wanted.pop("FifoQueue", None)
        if wanted:
            sqs.set_queue_attributes(QueueUrl=model["QueueUrl"], Attributes=wanted)
        retag(
            model,
            before,
            put=lambda tags: sqs.tag_queue(QueueUrl=model["QueueUrl"], Tags={tag["Key"]: tag["Value"] for tag in tags}),
            take=lambda keys: sqs.untag_queue(QueueUrl=model["QueueUrl"], TagKeys=keys),
        )
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it with its messages; one that is gone is no error."""
        with unless_gone():
            self.client(request).delete_queue(QueueUrl=request.desired_state["QueueUrl"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The queue, if it is there."""
        model = request.desired_state
        return done(model | {"Arn": _arn(self.client(request), model["QueueUrl"])})


class QueuePolicy(Resource):
    """Who may do what with queues."""

    TYPE, REF = "AWS::SQS::QueuePolicy", "Id"
    HONOURED = frozenset({"PolicyDocument", "Queues"})

    def create(self, request: Request) -> Progress:
        """Put it on each queue."""
        model = request.desired_state
        for url in model["Queues"]:
            self._put(request, url, json.dumps(model["PolicyDocument"]))
        return done(model | {"Id": self.generated_name(request)})

    def update(self, request: Request) -> Progress:
        """Put it anew, and take it from the queues that are no more its own."""
        for url in set((request.previous_state or {})["Queues"]) - set(request.desired_state["Queues"]):
            self._put(request, url, "")
        return self.create(request)

    def delete(self, request: Request) -> Progress:
        """Take it from its queues; one that is gone is no error."""
        for url in request.desired_state["Queues"]:
            with unless_gone():
                self._put(request, url, "")
        return done({})

    def read(self, request: Request) -> Progress:
        """The policy as it was put."""
        return done(request.desired_state)

    def _put(self, request: Request, url: str, policy: str) -> None:
        self.client(request).set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def _attributes(model: Json) -> dict[str, str]:
    given = {name: model[name] for name in sorted(_HONOURED | _RECORDED) if model.get(name) is not None}
    return {name: json.dumps(one) if isinstance(one, dict) else _text(one) for name, one in given.items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _arn(sqs: Any, url: str) -> str:
    found: Json = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


RESOURCES: list[type[Resource]] = [Queue, QueuePolicy]

"""CloudWatch's CloudFormation types."""

import json
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, tags_of
from twin.services.common.typed import typed

type Json = dict[str, Any]


class Dashboard(Resource):
    """A dashboard: kept and given back. The twin draws none."""

    TYPE, REF = "AWS::CloudWatch::Dashboard", "DashboardName"
    HONOURED = frozenset({"DashboardName"})
    RECORDED = frozenset({"DashboardBody"})

    def create(self, request: Request) -> Progress:
        """Put it; CloudWatch refuses a body that is no JSON."""
        model = request.desired_state
        model["DashboardName"] = model.get("DashboardName") or self.generated_name(request, 255)
        body = model["DashboardBody"]
        json.loads(body)
        self.client(request).put_dashboard(DashboardName=model["DashboardName"], DashboardBody=body)
        return done(model)

    def update(self, request: Request) -> Progress:
        """Put it anew."""
        request.desired_state["DashboardName"] = (request.previous_state or {})["DashboardName"]
        return self.create(request)

    def delete(self, request: Request) -> Progress:
        """Remove it; one that is gone is no error."""
        self.client(request).delete_dashboards(DashboardNames=[request.desired_state["DashboardName"]])
        return done({})

    def read(self, request: Request) -> Progress:
        """The dashboard as CloudWatch has it."""
        model = request.desired_state
        seen = self.client(request).get_dashboard(DashboardName=model["DashboardName"])
        return done(model | {"DashboardBody": seen["DashboardBody"]})


class _Alarm(Resource):
    """What both kinds of alarm have in common. PUT: the operation that makes and changes one."""

    REF = "AlarmName"
    PUT: str

    def create(self, request: Request) -> Progress:
        """Put it."""
        model, cloudwatch = request.desired_state, self.client(request)
        model["AlarmName"] = model.get("AlarmName") or self.generated_name(request, 255)
        wanted = {name: value for name, value in model.items() if name in self.HONOURED and name != "Tags"}
        parameters = typed(cloudwatch, self.PUT, wanted | ({"Tags": tags_of(model)} if model.get("Tags") else {}))
        cloudwatch._make_api_call(self.PUT, parameters)
        return done(model | {"Arn": self._arn(request)})

    def update(self, request: Request) -> Progress:
        """Put it anew under its name, and bring the tags along: putting does not change them."""
        model, before, cloudwatch = request.desired_state, request.previous_state or {}, self.client(request)
        model["AlarmName"] = before["AlarmName"]
        progress = self.create(request)
        gone = {tag["Key"] for tag in tags_of(before)} - {tag["Key"] for tag in tags_of(model)}
        if gone:
            cloudwatch.untag_resource(ResourceARN=self._arn(request), TagKeys=sorted(gone))
        if model.get("Tags"):
            cloudwatch.tag_resource(ResourceARN=self._arn(request), Tags=tags_of(model))
        return progress

    def delete(self, request: Request) -> Progress:
        """Remove it; one that is gone is no error."""
        self.client(request).delete_alarms(AlarmNames=[request.desired_state["AlarmName"]])
        return done({})

    def read(self, request: Request) -> Progress:
        """The alarm as it was put."""
        return done(request.desired_state)

    @staticmethod
    def _arn(request: Request) -> str:
        name = request.desired_state["AlarmName"]
        return f"arn:aws:cloudwatch:{request.region_name}:{request.account_id}:alarm:{name}"


class Alarm(_Alarm):
    """An alarm on a metric."""

    TYPE, PUT = "AWS::CloudWatch::Alarm", "PutMetricAlarm"
    HONOURED = frozenset({"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
                          "DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods",
                          "ExtendedStatistic", "InsufficientDataActions", "MetricName", "Metrics", "Namespace",
                          "OKActions", "Period", "Statistic", "Tags", "Threshold", "ThresholdMetricId",
                          "TreatMissingData", "Unit"})  # fmt: skip


class CompositeAlarm(_Alarm):
    """An alarm on other alarms."""

    TYPE, PUT = "AWS::CloudWatch::CompositeAlarm", "PutCompositeAlarm"
    HONOURED = frozenset({"ActionsEnabled", "ActionsSuppressor", "ActionsSuppressorExtensionPeriod",
                          "ActionsSuppressorWaitPeriod", "AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule",
                          "InsufficientDataActions", "OKActions", "Tags"})  # fmt: skip


RESOURCES: list[type[Resource]] = [Dashboard, Alarm, CompositeAlarm]

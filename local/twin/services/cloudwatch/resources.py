"""CloudWatch's CloudFormation types."""

import json
import re
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, failed, retag, tagged
from twin.services.common.typed import typed

type Json = dict[str, Any]

_ANY_OF = re.compile(r'\s*ALARM\("arn:[^"]+"\)(\s+OR\s+ALARM\("arn:[^"]+"\))*\s*')


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
        parameters = typed(cloudwatch, self.PUT, wanted | tagged(model))
        cloudwatch._make_api_call(self.PUT, parameters)
        return done(model | {"Arn": self._arn(request)})

    def update(self, request: Request) -> Progress:
        """Put it anew under its name, and bring the tags along: putting does not change them."""
        model, before, cloudwatch = request.desired_state, request.previous_state or {}, self.client(request)
        model["AlarmName"] = before["AlarmName"]
        progress = self.create(request)
        arn = self._arn(request)
        retag(
            model,
            before,
            put=lambda tags: cloudwatch.tag_resource(ResourceARN=arn, Tags=tags),
            take=lambda keys: cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys),
        )
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
    """An alarm on a metric. Core evaluates neither percentiles nor expressions over metrics."""

    TYPE, PUT = "AWS::CloudWatch::Alarm", "PutMetricAlarm"
    HONOURED = frozenset({"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "ComparisonOperator",
                          "DatapointsToAlarm", "Dimensions", "EvaluationPeriods", "InsufficientDataActions",
                          "MetricName", "Namespace", "OKActions", "Period", "Statistic", "Tags", "Threshold",
                          "TreatMissingData", "Unit"})  # fmt: skip


class CompositeAlarm(_Alarm):
    """An alarm on other alarms: on any of several, which is all that core evaluates."""

    TYPE, PUT = "AWS::CloudWatch::CompositeAlarm", "PutCompositeAlarm"
    HONOURED = frozenset({"ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName", "AlarmRule",
                          "InsufficientDataActions", "OKActions", "Tags"})  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Put it; a rule that would never be evaluated is refused."""
        rule = request.desired_state["AlarmRule"]
        if not _ANY_OF.fullmatch(rule):
            return failed({}, f'The twin evaluates rules of the form ALARM("arn") OR ALARM("arn"), not {rule}')
        return super().create(request)


RESOURCES: list[type[Resource]] = [Dashboard, Alarm, CompositeAlarm]

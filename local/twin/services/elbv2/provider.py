"""The API of Elastic Load Balancing: the operations of the neighbouring modules, under one roof."""

from twin.services.elbv2.balancers import LoadBalancers
from twin.services.elbv2.groups import TargetGroups
from twin.services.elbv2.listener_settings import ListenerSettings
from twin.services.elbv2.listeners import Listeners
from twin.services.elbv2.records import Records
from twin.services.elbv2.rules import Rules
from twin.services.elbv2.targets import Targets


class Elbv2(LoadBalancers, TargetGroups, Targets, Listeners, ListenerSettings, Rules, Records):
    """Application load balancers; network and gateway balancers are refused by name."""

    service = "elbv2"


PROVIDER = Elbv2()

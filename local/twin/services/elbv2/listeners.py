"""The operations on listeners."""

from dataclasses import replace

from twin.services.common.api import Json, Provider, RequestContext, only
from twin.services.elbv2 import certificates, controller, errors, registry
from twin.services.elbv2.actions import actions, described
from twin.services.elbv2.models import LOCK, Listener, Rule, Snapshot, groups_in, snapshot
from twin.services.elbv2.registry import operation
from twin.services.elbv2.tls_policies import DEFAULT, POLICIES

HIGHEST_PORT = 65_535
_TAKEN = ("Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions")


class Listeners(Provider):
    """Create, describe, change, delete listeners."""

    @operation("CreateListener")
    def create_listener(self, context: RequestContext, request: Json) -> Json:
        """Record the listener with its default rule."""
        only("elbv2", "CreateListener", _without_offs(request), ("LoadBalancerArn", *_TAKEN, "Tags"))
        balancer, store = registry.balancer(context, request), registry.store(context)
        bare = f"app/{balancer.name}/{balancer.arn.rsplit('/', 1)[1]}/{registry.new_id()}"
        new = Listener(
            arn=registry.arn(context, f"listener/{bare}"),
            balancer_arn=balancer.arn,
            protocol="",
            port=0,
            tags=registry.tags_from(request),
        )
        with LOCK:
            wanted = _changed(new, request)
            default = Rule(
                registry.arn(context, f"listener-rule/{bare}/{registry.new_id()}"),
                wanted.arn,
                None,
                (),
                actions(request["DefaultActions"], store.groups),
            )
            check_groups(snapshot(), wanted, default)
            if len(snapshot().listeners_of(balancer.arn)) >= registry.limit("listeners"):
                raise errors.too_many_listeners()
            store.listeners[wanted.arn] = wanted
            store.rules[default.arn] = default
        controller.wake()
        return {"Listeners": [_described(wanted, default)]}

    @operation("DescribeListeners")
    def describe_listeners(self, context: RequestContext, request: Json) -> Json:
        """Those of a balancer, or those named."""
        seen, arns = snapshot(), request.get("ListenerArns") or []
        if request.get("LoadBalancerArn"):
            found = seen.listeners_of(registry.balancer(context, request).arn)
        elif arns:
            if not set(arns) <= set(seen.listeners):
                raise errors.listeners_not_found()
            found = [seen.listeners[arn] for arn in dict.fromkeys(arns)]
        else:
            raise errors.validation("You must specify either listener ARNs or a load balancer ARN")
        part, marker = registry.page(found, request, lambda listener: listener.arn)
        listed = [_described(listener, seen.rules_of(listener.arn)[-1]) for listener in part]
        return {"Listeners": listed, **({"NextMarker": marker} if marker else {})}

    @operation("ModifyListener")
    def modify_listener(self, context: RequestContext, request: Json) -> Json:
        """Change what the request names."""
        only("elbv2", "ModifyListener", _without_offs(request), ("ListenerArn", *_TAKEN))
        store = registry.store(context)
        with LOCK:
            standing = registry.listener(context, request["ListenerArn"])
            wanted = _changed(standing, request)
            default = snapshot().rules_of(standing.arn)[-1]
            if request.get("DefaultActions"):
                default = replace(default, actions=actions(request["DefaultActions"], store.groups))
            check_groups(snapshot(), wanted, default)
            store.listeners[wanted.arn] = wanted
            store.rules[default.arn] = default
        controller.wake()
        return {"Listeners": [_described(wanted, default)]}

    @operation("DeleteListener")
    def delete_listener(self, context: RequestContext, request: Json) -> Json:
        """Forget the listener with its rules."""
        store = registry.store(context)
        with LOCK:
            listener = registry.listener(context, request["ListenerArn"])
            for rule in [rule for rule in store.rules.values() if rule.listener_arn == listener.arn]:
                del store.rules[rule.arn]
            del store.listeners[listener.arn]
        controller.wake()
        return {}


def check_groups(seen: Snapshot, listener: Listener, rule: Rule) -> None:
    """Refuse a group that another balancer uses, that the listener cannot forward to, or that is one too many."""
    for arn in groups_in(rule.actions):
        group = seen.groups[arn]
        if set(seen.balancers_of(arn)) - {listener.balancer_arn}:
            raise errors.group_of_another(arn)
        if group.version != "HTTP1" and listener.protocol != "HTTPS":
            raise errors.bad_action(
                f"Listener protocol '{listener.protocol}' is not supported with a target group with the "
                f"protocol-version '{group.version}'"
            )
        if group.vpc_id != seen.balancers[listener.balancer_arn].vpc_id:
            raise errors.invalid_configuration(
                f"The following target groups are not in the VPC of the load balancer: {arn}"
            )
    listeners = {one.arn for one in seen.listeners_of(listener.balancer_arn)}
    others = [one for one in seen.rules.values() if one.listener_arn in listeners and one.arn != rule.arn]
    if len({arn for one in (*others, rule) for arn in groups_in(one.actions)}) > registry.limit("target-groups"):
        raise errors.too_many_unique_groups()


def _without_offs(request: Json) -> Json:
    """The request without what says no more than that a thing is off."""
    off = {"MutualAuthentication": {"Mode": "off"}, "AlpnPolicy": ["None"]}
    return {key: value for key, value in request.items() if off.get(key) != value}


def _changed(standing: Listener, request: Json) -> Listener:
    """The listener after the request; raises AWS's error when it may not stand so."""
    protocol = request.get("Protocol") or standing.protocol
    port = int(request.get("Port") or standing.port)
    if protocol not in ("HTTP", "HTTPS"):
        raise errors.validation(f"Listener protocol '{protocol}' must be one of 'HTTPS, HTTP'")
    if not 1 <= port <= HIGHEST_PORT:
        raise errors.validation(f"Port '{port}' must be between 1 and {HIGHEST_PORT}")
    for other in snapshot().listeners_of(standing.balancer_arn):
        if other.port == port and other.arn != standing.arn:
            raise errors.duplicate_listener(standing.balancer_arn)
    changed = replace(standing, protocol=protocol, port=port)
    given = [certificate["CertificateArn"] for certificate in request.get("Certificates") or []]
    if protocol == "HTTP":
        if given or request.get("SslPolicy"):
            raise errors.validation("Certificates and an SSL policy can only be specified for HTTPS listeners")
        return replace(changed, certificate_arn=None, ssl_policy=None, certificates=())
    return _secured(changed, given, request.get("SslPolicy"))


def _secured(changed: Listener, given: list[str], policy: str | None) -> Listener:
    if len(given) > 1:
        raise errors.validation("You can specify exactly one default certificate")
    certificate = given[0] if given else changed.certificate_arn
    if not certificate:
        raise errors.validation("A certificate must be specified for HTTPS listeners")
    if given and certificates.material(certificate) is None:
        raise errors.certificate_not_found(certificate)
    policy = policy or changed.ssl_policy or DEFAULT
    if policy not in POLICIES:
        raise errors.policy_not_found(policy)
    return replace(changed, certificate_arn=certificate, ssl_policy=policy)


def _described(listener: Listener, default: Rule) -> Json:
    shown: Json = {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.balancer_arn,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": described(default.actions, order=False),
    }
    if listener.protocol == "HTTPS":
        shown["Certificates"] = [{"CertificateArn": listener.certificate_arn}]
        shown["SslPolicy"] = listener.ssl_policy
        shown["MutualAuthentication"] = {"Mode": "off"}
    return shown

"""The operations on a listener's further certificates and its attributes."""

from dataclasses import replace

from twin.services.common.api import Json, Provider, RequestContext
from twin.services.elbv2 import attributes, certificates, controller, errors, registry
from twin.services.elbv2.models import LOCK, Listener, snapshot
from twin.services.elbv2.registry import operation


class ListenerSettings(Provider):
    """Certificates for clients that name their server, headers that a listener adds."""

    @operation("AddListenerCertificates")
    def add_listener_certificates(self, context: RequestContext, request: Json) -> Json:
        """Add certificates; those that are there already stay."""
        given = _given(request)
        for arn in given:
            if certificates.material(arn) is None:
                raise errors.certificate_not_found(arn)
        with LOCK:
            listener = _secure(context, request)
            new = [arn for arn in given if arn not in listener.all_certificates]
            others = snapshot().listeners_of(listener.balancer_arn)
            if sum(len(one.certificates) for one in others) + len(new) > registry.limit("certificates"):
                raise errors.too_many_certificates()
            _put(context, replace(listener, certificates=(*listener.certificates, *new)))
        controller.wake()
        return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in given]}

    @operation("RemoveListenerCertificates")
    def remove_listener_certificates(self, context: RequestContext, request: Json) -> Json:
        """Take certificates away, not the default one; those that are not there are no error."""
        given = _given(request)
        with LOCK:
            listener = _secure(context, request)
            if listener.certificate_arn in given:
                raise errors.not_permitted("The default certificate of a listener cannot be removed")
            kept = tuple(arn for arn in listener.certificates if arn not in given)
            _put(context, replace(listener, certificates=kept))
        controller.wake()
        return {}

    @operation("DescribeListenerCertificates")
    def describe_listener_certificates(self, context: RequestContext, request: Json) -> Json:
        """The default certificate and the others."""
        listener = registry.listener(context, request["ListenerArn"])
        part, marker = registry.page(listener.all_certificates, request, str)
        listed = [{"CertificateArn": arn, "IsDefault": arn == listener.certificate_arn} for arn in part]
        return {"Certificates": listed, **({"NextMarker": marker} if marker else {})}

    @operation("DescribeListenerAttributes")
    def describe_listener_attributes(self, context: RequestContext, request: Json) -> Json:
        """All attributes, defaults filled in."""
        listener = registry.listener(context, request["ListenerArn"])
        return {"Attributes": attributes.listed(attributes.listener_attributes(listener))}

    @operation("ModifyListenerAttributes")
    def modify_listener_attributes(self, context: RequestContext, request: Json) -> Json:
        """Change attributes."""
        with LOCK:
            listener = registry.listener(context, request["ListenerArn"])
            known = attributes.SECURE_LISTENER if listener.protocol == "HTTPS" else attributes.LISTENER
            wanted = attributes.changed(known, attributes.listener_attributes(listener), request["Attributes"])
            _put(context, replace(listener, attributes=tuple(sorted(wanted.items()))))
        controller.wake()
        return {"Attributes": attributes.listed(wanted)}


def _given(request: Json) -> list[str]:
    if any(one.get("IsDefault") is not None for one in request["Certificates"]):
        raise errors.validation("You cannot set the isDefault parameter for a certificate")
    found = [one["CertificateArn"] for one in request["Certificates"] if one.get("CertificateArn")]
    if not found:
        raise errors.validation("You must specify at least one certificate")
    return list(dict.fromkeys(found))


def _secure(context: RequestContext, request: Json) -> Listener:
    listener = registry.listener(context, request["ListenerArn"])
    if listener.protocol != "HTTPS":
        raise errors.validation("Certificates can only be specified for HTTPS listeners")
    return listener


def _put(context: RequestContext, listener: Listener) -> None:
    registry.store(context).listeners[listener.arn] = listener

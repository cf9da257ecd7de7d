"""AWS's faults of Elastic Load Balancing: codes and texts as AWS words them."""

from localstack.aws.api import CommonServiceException

from twin.services.common.api import fault


def too_many_values(most: int) -> CommonServiceException:
    return fault("TooManyConditionValues", f"A rule can have at most {most} condition values")


def redirect_loop() -> CommonServiceException:
    text = "The redirect configuration is not valid because it creates a loop"
    return fault("InvalidLoadBalancerAction", text)


def bad_action(message: str) -> CommonServiceException:
    return fault("InvalidLoadBalancerAction", message)


# The texts of the quotas: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html
def too_many_balancers() -> CommonServiceException:
    return fault(
        "TooManyLoadBalancers", "You've reached the limit on the number of load balancers for your AWS account"
    )


def too_many_groups() -> CommonServiceException:
    text = "You've reached the limit on the number of target groups for your AWS account"
    return fault("TooManyTargetGroups", text)


def too_many_unique_groups() -> CommonServiceException:
    text = "You've reached the limit on the number of unique target groups per load balancer across all listeners"
    return fault("TooManyUniqueTargetGroupsPerLoadBalancer", text)


def too_many_listeners() -> CommonServiceException:
    return fault("TooManyListeners", "You've reached the limit on the number of listeners per load balancer")


def too_many_rules() -> CommonServiceException:
    return fault("TooManyRules", "You've reached the limit on the number of rules per load balancer")


def too_many_certificates() -> CommonServiceException:
    return fault("TooManyCertificates", "You've reached the limit on the number of certificates per load balancer")


def too_many_targets() -> CommonServiceException:
    return fault("TooManyTargets", "You've reached the limit on the number of targets")


def too_many_tags() -> CommonServiceException:
    return fault("TooManyTags", "The limit for the number of tags has been exceeded")


def validation(message: str) -> CommonServiceException:
    return fault("ValidationError", message)


def balancer_not_found(name: str) -> CommonServiceException:
    return fault("LoadBalancerNotFound", f"Load balancer '{name}' not found")


def balancers_not_found(names: list[str]) -> CommonServiceException:
    return fault("LoadBalancerNotFound", f"Load balancers '[{', '.join(names)}]' not found")


def group_not_found(arn: str) -> CommonServiceException:
    return fault("TargetGroupNotFound", f"Target group '{arn}' not found")


def groups_not_found() -> CommonServiceException:
    return fault("TargetGroupNotFound", "One or more target groups not found")


def listener_not_found(arn: str) -> CommonServiceException:
    return fault("ListenerNotFound", f"Listener '{arn}' not found")


def listeners_not_found() -> CommonServiceException:
    return fault("ListenerNotFound", "One or more listeners not found")


def rules_not_found() -> CommonServiceException:
    return fault("RuleNotFound", "One or more rules not found")


def duplicate_balancer(name: str) -> CommonServiceException:
    text = f"A load balancer with the same name '{name}' exists, but with different settings"
    return fault("DuplicateLoadBalancerName", text)


def duplicate_group(name: str) -> CommonServiceException:
    text = f"A target group with the same name '{name}' exists, but with different settings"
    return fault("DuplicateTargetGroupName", text)


def duplicate_listener(balancer: str) -> CommonServiceException:
    return fault("DuplicateListener", f"A listener already exists on this port for this load balancer '{balancer}'")


def priority_in_use(priority: int) -> CommonServiceException:
    return fault("PriorityInUse", f"Priority '{priority}' is currently in use")


def group_in_use(arn: str) -> CommonServiceException:
    return fault("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


def group_of_another(arn: str) -> CommonServiceException:
    text = f"The following target groups cannot be associated with more than one load balancer: {arn}"
    return fault("TargetGroupAssociationLimit", text)


def not_permitted(message: str) -> CommonServiceException:
    return fault("OperationNotPermitted", message)


def certificate_not_found(arn: str) -> CommonServiceException:
    return fault("CertificateNotFound", f"Certificate '{arn}' not found")


def policy_not_found(name: str) -> CommonServiceException:
    return fault("SSLPolicyNotFound", f"SSL policy '{name}' not found")


def subnet_not_found(subnet: str) -> CommonServiceException:
    return fault("SubnetNotFound", f"The subnet ID '{subnet}' does not exist")


def invalid_subnet(message: str) -> CommonServiceException:
    return fault("InvalidSubnet", message)


def invalid_security_group(message: str) -> CommonServiceException:
    return fault("InvalidSecurityGroup", message)


def invalid_target(message: str) -> CommonServiceException:
    return fault("InvalidTarget", message)


def invalid_configuration(message: str) -> CommonServiceException:
    return fault("InvalidConfigurationRequest", message)


def duplicate_tag(key: str) -> CommonServiceException:
    return fault("DuplicateTagKeys", f"Tag key '{key}' was specified more than once")


def not_done(what: str) -> CommonServiceException:
    return fault("NotImplemented", f"The twin does not do {what}", 501)

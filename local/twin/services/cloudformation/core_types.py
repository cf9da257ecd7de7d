"""The types of LocalStack's core that a template may use, each with the properties that it truly does.

Core makes many more, most of them by half: properties are dropped without a word. Only what was read and found to be
done at creation and at a change stands here; docs/decisions/0010-what-a-template-may-say.md tells why.
"""

from collections.abc import Mapping

# Of a change that core lacks (a key, an alias) it says so itself, and the update fails.
CORE: Mapping[str, frozenset[str]] = {
    "AWS::CDK::Metadata": frozenset({"Analytics"}),
    "AWS::KMS::Alias": frozenset({"AliasName", "TargetKeyId"}),
    "AWS::KMS::Key": frozenset({"Description", "KeyPolicy", "KeySpec", "KeyUsage", "Tags"}),
    "AWS::SSM::Parameter": frozenset({"Description", "Name", "Type", "Value"}),
}  # fmt: skip

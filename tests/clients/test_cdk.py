"""The CDK's own CLI deploys, finds no drift, rolls back what fails, and destroys so that nothing is left."""

import json
import shutil
from pathlib import Path

from tests.host import CDK, Host

ALWAYS = ("--all", "--require-approval", "never")


def test_an_app_from_deployment_to_destruction(host: Host, tmp_path: Path) -> None:
    assert host.tool(CDK, "bootstrap", "aws://000000000000/ap-northeast-2").returncode == 0
    vpcs = _vpcs(host)
    deployed = host.cdk("deploy", "paths", *ALWAYS)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    diff = host.cdk("diff", "paths", "--all", "--fail")
    assert diff.returncode == 0, diff.stdout + diff.stderr
    assert "Number of stacks with differences: 0" in diff.stdout + diff.stderr

    _does_not_fit(host, host.synthesize("paths"), tmp_path / "broken")
    stack = host.client("cloudformation").describe_stacks(StackName="Paths")["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert host.cdk("diff", "paths", "--all", "--fail").returncode == 0, "what was rolled back is as it was"

    destroyed = host.cdk("destroy", "paths", "--all", "--force")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert host.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert host.client("ecs").list_clusters()["clusterArns"] == []
    assert _vpcs(host) == vpcs


def _does_not_fit(host: Host, app: Path, broken: Path) -> None:
    """Deploy the app with a listener at a port that is taken; it must fail."""
    template = json.loads((app / "Paths.template.json").read_text())
    listener = next(one for one in template["Resources"].values() if one["Type"].endswith("::Listener"))
    template["Resources"]["Second"] = listener
    shutil.copytree(app, broken)
    (broken / "Paths.template.json").write_text(json.dumps(template))
    assets = broken / "Paths.assets.json"
    # Its name in the bucket is its hash: another content needs another one.
    old = json.loads((app / "manifest.json").read_text())["artifacts"]["Paths"]["properties"][
        "stackTemplateAssetObjectUrl"
    ]
    name = old.rsplit("/", 1)[1].removesuffix(".json")
    for file in (assets, broken / "manifest.json"):
        file.write_text(file.read_text().replace(name, "0" * len(name)))
    done = host.tool(CDK, "deploy", "--app", str(broken), "--no-color", "--no-notices", "--ci", *ALWAYS)
    assert done.returncode != 0
    assert "A listener already exists on this port for this load balancer" in done.stdout + done.stderr


def _vpcs(host: Host) -> set[str]:
    return {vpc["VpcId"] for vpc in host.client("ec2").describe_vpcs()["Vpcs"]}

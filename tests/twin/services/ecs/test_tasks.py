"""Tasks as ECS's API shows them, each of them real processes."""

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from twin.services.ecs.metadata import _is_its
from twin.services.ecs.models import Task, TaskStatus

from tests.twin.services.ecs.conftest import ZONES, Ground
from tests.twin.support import eventually

SERVER = """
import http.server, json, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({**os.environ, "peer": self.client_address[0]}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
print("serving", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(300)"
)
POLITE = (
    "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
    "print('up', flush=True)\ntime.sleep(300)"
)


def test_a_service_spreads_its_tasks_over_the_zones_each_at_its_own_address(ground: Ground) -> None:
    name = ground.serve(ground.define(SERVER))
    ground.steady(name)
    seen = ground.seen(name)["tasks"]
    assert sorted(task["zone"] for task in seen) == list(ZONES)
    assert len({task["address"] for task in seen}) == 2
    for task in seen:
        inside = _ask(f"http://{task['address']}:8080/")
        assert inside["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE"
        assert os.getpgid(task["pid"]) == task["pid"], "a container is a process group of its own"
    described = ground.tasks(name)
    assert sorted(one["availabilityZone"] for one in described) == list(ZONES)
    addresses = {one["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for one in described}
    assert addresses == {task["ip"] for task in seen}


def test_a_killed_task_is_replaced(ground: Ground) -> None:
    name = ground.serve(ground.define(SERVER))
    ground.steady(name)
    victim = ground.seen(name)["tasks"][0]
    os.killpg(victim["pid"], signal.SIGKILL)
    stopped = ground.stopped(victim["arn"])
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137
    eventually(
        lambda: ground.seen(name)["tasks"],
        lambda tasks: (
            victim["arn"] not in {t["arn"] for t in tasks} and [t["status"] for t in tasks] == ["RUNNING"] * 2
        ),
        20,
    )
    assert sorted(task["zone"] for task in ground.seen(name)["tasks"]) == list(ZONES)


def test_a_one_off_task_ends_with_its_exit_code_and_its_words_are_in_the_log(ground: Ground) -> None:
    task = ground.run(ground.define("print('said before the end', flush=True)\nraise SystemExit(3)"))
    assert task["containers"][0]["exitCode"] == 3
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert ground.log(task["taskArn"]) == ["said before the end"]
    log = ground.twin.world.state / "logs" / f"ecs-main-{task['taskArn'].rsplit('/', 1)[1][:8]}.log"
    assert log.read_text() == "said before the end\n"
    assert not (ground.twin.world.state / "tasks" / task["taskArn"].rsplit("/", 1)[1]).exists()


def test_command_and_environment_can_be_overridden_for_one_run(ground: Ground) -> None:
    definition = ground.define("import os, sys\nprint(sys.argv[1:], os.environ['COLOUR'], flush=True)")
    override = {
        "name": "main",
        "command": ["python3", "main.py", "again"],
        "environment": [{"name": "COLOUR", "value": "blue"}],
    }
    task = ground.run(definition, overrides={"containerOverrides": [override]})
    assert ground.log(task["taskArn"]) == ["['again'] blue"]


def test_secrets_are_injected_by_json_key_and_missing_ones_stop_the_task(ground: Ground) -> None:
    secrets = ground.twin.client("secretsmanager")
    arn = secrets.create_secret(Name="test/database", SecretString=json.dumps({"user": "duet", "password": "x y"}))[
        "ARN"
    ]
    program = "import os\nprint(os.environ['USER_NAME'], os.environ['WHOLE'], flush=True)"
    wanted = [{"name": "USER_NAME", "valueFrom": f"{arn}:user::"}, {"name": "WHOLE", "valueFrom": arn}]
    task = ground.run(ground.define(program, secrets=wanted))
    assert ground.log(task["taskArn"]) == ['duet {"user": "duet", "password": "x y"}']
    missing = ground.run(ground.define(program, secrets=[{"name": "USER_NAME", "valueFrom": f"{arn}:nobody::"}]))
    assert missing["stopCode"] == "TaskFailedToStart"
    assert missing["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets")
    assert "did not contain json key nobody" in missing["stoppedReason"]


def test_a_task_whose_image_or_log_group_is_not_there_says_so(ground: Ground) -> None:
    uri = ground.image("pass").split("@")[0]
    absent = ground.run(ground.define("pass", image=f"{uri}@sha256:{'0' * 64}"))
    assert absent["stoppedReason"].startswith("CannotPullContainerError")
    options = {"awslogs-group": "/none", "awslogs-region": "ap-northeast-2", "awslogs-stream-prefix": "x"}
    mute = ground.run(ground.define("pass", logConfiguration={"logDriver": "awslogs", "options": options}))
    assert mute["stoppedReason"].startswith("ResourceInitializationError: failed to validate logger args")


@pytest.mark.parametrize(("program", "code"), [(POLITE, 7), (STUBBORN, 137)])
def test_a_stopped_task_is_asked_first_and_killed_after_its_time(ground: Ground, program: str, code: int) -> None:
    made = ground.ecs.run_task(
        cluster=ground.cluster,
        taskDefinition=ground.define(program, stopTimeout=2),
        launchType="FARGATE",
        networkConfiguration=ground.network,
    )["tasks"][0]["taskArn"]
    eventually(lambda: ground.task(made)["lastStatus"], lambda status: status == "RUNNING", 20)
    eventually(lambda: ground.log(made), lambda lines: lines == ["up"], 5)
    ground.ecs.stop_task(cluster=ground.cluster, task=made, reason="enough")
    task = ground.stopped(made)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == code


def test_a_task_learns_who_it_is_and_gets_its_roles_credentials_alone(ground: Ground) -> None:
    program = """
import json, os, urllib.request
def ask(name, **headers):
    return json.load(urllib.request.urlopen(urllib.request.Request(os.environ[name], headers=headers), timeout=5))
print(ask("ECS_CONTAINER_METADATA_URI_V4")["Name"], flush=True)
token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
print(ask("AWS_CONTAINER_CREDENTIALS_FULL_URI", Authorization=token)["RoleArn"], flush=True)
try:
    ask("AWS_CONTAINER_CREDENTIALS_FULL_URI", Authorization="somebody else")
except urllib.error.HTTPError as error:
    print(error.code, flush=True)
"""
    task = ground.run(ground.define(program))
    assert ground.log(task["taskArn"]) == ["main", ground.roles["task"], "403"]


def test_a_task_without_a_token_gives_nobody_credentials() -> None:
    task = Task("a/b/c", "", "", "", "", "", "", "", [], [], 0.0)
    assert not _is_its(task, "")
    task.token = "known"
    assert _is_its(task, "known")
    assert not _is_its(task, "schlüssel")
    task.status = TaskStatus.STOPPED
    assert not _is_its(task, "known")


def test_what_the_twin_does_not_do_is_refused_by_its_name(ground: Ground) -> None:
    with pytest.raises(ClientError, match="ecs:ExecuteCommand"):
        ground.ecs.execute_command(cluster=ground.cluster, task="x", interactive=True, command="sh")
    with pytest.raises(ClientError, match="dependsOn"):
        ground.define("pass", dependsOn=[{"containerName": "other", "condition": "START"}])
    definition = ground.define("pass")
    with pytest.raises(ClientError, match="placementStrategy"):
        ground.serve(definition, placementStrategy=[{"type": "random"}])
    with pytest.raises(ClientError, match="enableExecuteCommand"):
        ground.serve(definition, enableExecuteCommand=True)
    override = {"name": "main", "environmentFiles": [{"value": "arn:aws:s3:::some/file.env", "type": "s3"}]}
    with pytest.raises(ClientError, match="environmentFiles"):
        ground.run(definition, overrides={"containerOverrides": [override]})
    with pytest.raises(ClientError, match="No Fargate configuration exists for given values: 256 CPU, 4096 memory"):
        ground.ecs.register_task_definition(
            family="x",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="4096",
            containerDefinitions=[{"name": "x", "image": "x"}],
        )


def test_a_new_version_replaces_the_old_and_a_bad_one_is_rolled_back(ground: Ground) -> None:
    good = ground.define(SERVER)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    name = ground.serve(good, deploymentConfiguration=breaker)
    ground.steady(name)
    better = ground.define(SERVER, environment=[{"name": "VERSION", "value": "2"}])
    ground.ecs.update_service(cluster=ground.cluster, service=name, taskDefinition=better)
    ground.steady(name)
    assert {_ask(f"http://{task['address']}:8080/")["VERSION"] for task in ground.seen(name)["tasks"]} == {"2"}
    bad = ground.define("raise SystemExit('no')")
    ground.ecs.update_service(cluster=ground.cluster, service=name, taskDefinition=bad)
    eventually(
        lambda: ground.service(name),
        lambda seen: (
            seen["taskDefinition"] == better and [d["rolloutState"] for d in seen["deployments"]] == ["COMPLETED"]
        ),
        40,
    )
    messages = [event["message"] for event in ground.service(name)["events"]]
    assert any("deployment failed: tasks failed to start" in message for message in messages), messages
    assert {task["definition"] for task in _definitions(ground, name)} == {better}


def test_the_command_lines_of_aws_see_the_same(ground: Ground) -> None:

    name = ground.serve(ground.define(SERVER))
    ground.steady(name)
    programs = Path(__file__).parents[4] / ".venv" / "bin"
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": ground.twin.world.region,
        "AWS_ENDPOINT_URL": ground.twin.world.gateway_url,
    }
    for program in ("aws", "awslocal"):
        said = subprocess.run(
            [programs / program, "ecs", "list-tasks", "--cluster", ground.cluster, "--service-name", name],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert set(json.loads(said)["taskArns"]) == {task["arn"] for task in ground.seen(name)["tasks"]}


def _definitions(ground: Ground, name: str) -> list[dict[str, str]]:
    return [{"definition": task["taskDefinitionArn"]} for task in ground.tasks(name)]


def _ask(url: str) -> dict[str, str]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: dict[str, str] = json.load(answer)
        return found

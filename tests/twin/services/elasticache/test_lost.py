"""What is left after the twin was killed, and after its control plane was lost."""

import os
import shutil
import signal
import time

from twin.keeper_control import holder, start, stop

from tests.twin.services.elasticache.conftest import Caches, eventually, living


def test_a_killed_twin_finds_its_caches_with_what_was_written_a_second_ago(caches: Caches) -> None:
    group = caches.create("kept")
    endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
    caches.say(endpoint, "SET", "log-in", "kept")
    eventually(lambda: len(list((caches.here.state / "snapshots").glob("snapshot-*"))) > 0, True)
    time.sleep(2.5)  # the log is written each second, a snapshot is taken after a second of quiet
    keeper = holder(caches.here)
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: (holder(caches.here), living(caches.here.state / "elasticache")), (None, []), 20)
    start(caches.here, timeout=60)
    caches.available("kept")
    assert caches.say(endpoint, "GET", "log-in") == "kept"


def test_a_group_made_anew_finds_the_data_of_its_id(caches: Caches) -> None:
    stop(caches.here, timeout=30)
    shutil.rmtree(caches.here.state / "snapshots")
    start(caches.here, timeout=60)
    assert caches.client().describe_replication_groups()["ReplicationGroups"] == []
    caches.build_network()
    group = caches.create("kept", AuthToken="another-token-of-the-test")
    endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
    assert caches.say(endpoint, "GET", "log-in", password="another-token-of-the-test") == "kept"
    caches.delete("kept")

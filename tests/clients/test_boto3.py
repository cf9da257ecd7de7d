"""boto3's waiters and paginators, which nobody here wrote, end as on AWS."""

import pytest
from botocore.exceptions import ClientError

from tests.host import Host

MANY = 7


def test_pages_add_up_to_everything(host: Host) -> None:
    ecs, logs = host.client("ecs"), host.client("logs")
    for number in range(MANY):
        ecs.create_cluster(clusterName=f"page-{number}")
        logs.create_log_group(logGroupName=f"/page/{number}")
    pages = list(ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    found = [arn.rsplit("/", 1)[1] for page in pages for arn in page["clusterArns"]]
    assert len(pages) == (MANY + 1) // 2
    assert sorted(found) == [f"page-{number}" for number in range(MANY)]
    for number in range(MANY):
        ecs.delete_cluster(cluster=f"page-{number}")
        logs.delete_log_group(logGroupName=f"/page/{number}")


def test_the_orderable_options_and_parameters_come_in_pages(host: Host) -> None:
    rds = host.client("rds")
    parameters = list(
        rds.get_paginator("describe_db_parameters").paginate(
            DBParameterGroupName="default.postgres17", PaginationConfig={"PageSize": 20}
        )
    )
    names = [one["ParameterName"] for page in parameters for one in page["Parameters"]]
    assert len(parameters) > 1
    assert len(names) == len(set(names))
    assert "rds.force_ssl" in names


def test_a_token_of_nobody_is_refused(host: Host) -> None:
    with pytest.raises(ClientError):
        host.client("ecs").list_clusters(nextToken="nobody's")

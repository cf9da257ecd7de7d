"""Access logs: a node that was killed in the middle of a line must not keep the others' requests from the bucket."""

from twin.services.elbv2.access_logs import _request


def test_a_line_that_was_cut_short_is_passed_over() -> None:
    assert _request('{"path": "/"}') == {"path": "/"}
    assert _request('{"path": "/') is None
    assert _request('{"path": "/{"path": "/next"}') is None
    assert _request("") is None

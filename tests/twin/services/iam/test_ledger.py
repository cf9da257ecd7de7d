"""The book of what was denied and used."""

from pathlib import Path

from twin.services.iam.ledger import MOST_DENIALS, MOST_RESOURCES, Ledger
from twin.services.iam.policies import parse
from twin.services.iam.unused import Grant, grants, seen


def test_it_is_bounded_and_the_same_refusal_is_counted() -> None:
    book = Ledger()
    assert book.deny("role", "s3:GetObject", "a", "no", ())
    assert not book.deny("role", "s3:GetObject", "a", "no", ())
    assert [(one.resource, one.times) for one in book.denials()] == [("a", 2)]
    for number in range(MOST_DENIALS + 5):
        book.deny("role", "s3:GetObject", str(number), "no", ())
        book.use("role", "s3:PutObject", str(number))
    assert len(book.denials()) == MOST_DENIALS
    used = book.uses()["role"]["s3:PutObject"]
    assert (used.times, len(used.resources)) == (MOST_DENIALS + 5, MOST_RESOURCES)


def test_it_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    book, other = Ledger(), Ledger()
    book.deny("role", "s3:GetObject", "a", "no", ("aws:SourceVpce",))
    book.use("role", "s3:PutObject", "b")
    book.save(tmp_path / "iam.json")
    other.load(tmp_path / "iam.json")
    assert (other.denials(), other.uses()) == (book.denials(), book.uses())
    (tmp_path / "iam.json").write_text("[]")
    empty = Ledger()
    empty.load(tmp_path / "iam.json")
    assert empty.denials() == []


def test_a_grant_is_used_by_an_action_and_a_resource_within_it() -> None:
    document = '{"Statement": [{"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "b/*"}, {"Effect": "Deny"}]}'
    assert len(parse(document)) == 2
    (grant,) = grants("own", document)
    assert grant == Grant("own", "s3:Get*", ("b/*",))
    assert seen(grant, {"s3:GetObject": ["b/1"]})
    assert not seen(grant, {"s3:GetObject": ["c/1"], "s3:PutObject": ["b/1"]})
    assert seen(Grant("own", "!iam:*", ("*",)), {"s3:GetObject": ["c/1"]})

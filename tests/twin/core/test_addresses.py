"""Addresses: each owner keeps its own, what is given back is given again, none is given twice."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from twin.core import addresses
from twin.core.addresses import AddressBook, listening_port
from twin.core.errors import AddressError

CIDR = "10.20.1.0/24"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a book is kept."""
    return tmp_path / "addresses.json"


@pytest.fixture
def book(path: Path) -> AddressBook:
    """An empty book of twin 7."""
    return AddressBook(path, 7)


def test_what_is_given_back_is_given_again_and_stays_so_over_a_restart(book: AddressBook, path: Path) -> None:
    first = book.eni("subnet-a", CIDR, "task-1")
    book.eni("subnet-a", CIDR, "task-2")
    book.release("task-1")
    book.release("unknown")
    assert AddressBook(path, 7).eni("subnet-a", CIDR, "task-3") == first


def test_an_owner_gives_back_its_addresses_of_every_subnet(book: AddressBook) -> None:
    before = [book.eni("subnet-a", CIDR, "balancer"), book.eni("subnet-b", "10.20.2.0/24", "balancer")]
    book.release("balancer")
    after = [book.eni("subnet-a", CIDR, "other"), book.eni("subnet-b", "10.20.2.0/24", "other")]
    assert after == before


def test_an_owner_whose_subnet_has_another_range_gets_another_address(book: AddressBook) -> None:
    book.eni("subnet-a", CIDR, "task-1")
    moved = book.eni("subnet-a", "10.30.0.0/24", "task-1")
    assert IPv4Address(moved) in IPv4Network("10.30.0.0/24")
    assert book.eni("subnet-a", "10.30.0.0/24", "task-1") == moved


def test_an_address_that_the_machine_refuses_is_passed_over(book: AddressBook, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = addresses.loopback("10.20.1.4")
    monkeypatch.setattr(addresses, "_is_free", lambda address: address != refused)
    assert book.eni("subnet-a", CIDR, "task-1") == "10.20.1.5"


def test_many_at_once_get_one_each(book: AddressBook, path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: book.eni("subnet-a", CIDR, f"task-{number}"), range(60)))
    assert len(set(found)) == 60
    again = AddressBook(path, 7)
    assert [again.eni("subnet-a", CIDR, f"task-{number}") for number in range(60)] == found


def test_endpoints_are_outside_every_subnet_and_their_own_for_each_twin(tmp_path: Path) -> None:
    books = [AddressBook(tmp_path / f"{number}.json", number) for number in range(8)]
    found = [book.endpoint("database") for book in books]
    assert len(set(found)) == 8
    assert all(int(address.split(".")[1]) >= 248 for address in found)


def test_an_endpoint_that_is_given_back_makes_room(book: AddressBook) -> None:
    first = book.endpoint("database")
    second = book.endpoint("cache")
    assert first != second
    book.free("database")
    book.free("unknown")
    assert book.endpoint("other") == first
    assert [first, second] == book.first_endpoints(2)


def test_when_no_endpoint_is_left_it_says_for_which(book: AddressBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "FIRST_ENDPOINT", 59_999)
    book.endpoint("the last")
    with pytest.raises(AddressError, match="no address is left for the endpoint one more"):
        book.endpoint("one more")


@pytest.mark.parametrize(
    ("port", "may_bind", "expected"), [(443, True, 443), (443, False, 8443), (80, False, 8080), (1024, False, 1024)]
)
def test_a_low_port_moves_up_where_it_may_not_be_bound(
    monkeypatch: pytest.MonkeyPatch, port: int, may_bind: bool, expected: int
) -> None:
    monkeypatch.setattr(addresses, "_may_bind_low_ports", lambda: may_bind)
    assert listening_port(port) == expected

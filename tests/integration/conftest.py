"""One stage for all tests here, and people who use the app on it."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest

from tests.stage import Stage
from tests.stage import stage as the_stage

PASSWORD = "a short sentence"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The stage that TARGET names."""
    with the_stage() as found:
        yield found


@dataclass
class Person:
    """Somebody with an account, at a browser."""

    client: httpx.Client
    email: str

    def page(self, path: str) -> str:
        """Open a page and return it; it must be there."""
        answer = self.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def send(self, path: str, on: str, **fields: str) -> httpx.Response:
        """Send a form with the token of the page it is on; it must be taken."""
        token = _TOKEN.search(self.page(on))
        assert token, f"{on} has no form"
        answer = self.client.post(
            path, data={**fields, "csrf_token": token[1]}, headers={"Referer": str(self.client.base_url)}
        )
        assert answer.status_code in (302, 303), f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def say(self, path: str, **values: object) -> dict[str, object]:
        """Send JSON as the page's script does; it must be taken."""
        token = _TOKEN.search(self.page("/"))
        assert token
        headers = {"Referer": str(self.client.base_url), "X-CSRFToken": token[1], "Accept": "application/json"}
        answer = self.client.post(path, json=values, headers=headers)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        told: dict[str, object] = answer.json()
        return told


type NewPerson = Callable[[str], Person]


@pytest.fixture
def person(stage: Stage) -> Iterator[NewPerson]:
    """Sign somebody up, under an address that nobody has."""
    with ExitStack() as opened:

        def sign_up(name: str) -> Person:
            made = Person(opened.enter_context(stage.visitor()), f"{name}.{uuid.uuid4().hex[:10]}@example.org")
            made.send("/sign-up", "/sign-up", name=name, email=made.email, password=PASSWORD)
            return made

        yield sign_up


@pytest.fixture
def couple(person: NewPerson) -> tuple[Person, Person]:
    """Two people who have become a couple."""
    mina, jun = person("mina"), person("jun")
    pair(mina, jun)
    return mina, jun


def pair(one: Person, other: Person) -> None:
    """Let the two become a couple by an invite code."""
    one.send("/pair/invite", "/pair")
    code = re.search(r"data-code>([^<]+)<", one.page("/pair"))
    assert code
    other.send("/pair/accept", "/pair", code=code[1])

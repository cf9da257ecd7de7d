"""Two people, each at a browser: they pair, count the same day, and see each other's mood and photo."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPerson, Person
from tests.browser.pictures import evening

# An upload, its check and the new page; on a task of a quarter core.
UPLOAD_MILLISECONDS = 30_000
FORBIDDEN = 403


def pair(one: Person, other: Person) -> None:
    """Let both sign up, and the other enter the code of the one."""
    one.sign_up()
    one.page.locator("section[aria-labelledby=invite] .button").last.click()
    code = one.page.locator("[data-code]").inner_text()
    other.sign_up()
    other.page.locator("#code").fill(code.lower())
    other.page.locator("section[aria-labelledby=accept] .button").click()
    other.page.wait_for_url("**/ddays")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture file."""
    path = tmp_path / "evening.png"
    path.write_bytes(evening())
    return path


@pytest.mark.parametrize(("mine", "theirs"), [(PHONE, DESKTOP), (DESKTOP, PHONE)])
def test_two_people_share_a_day_a_mood_and_a_photo(person: NewPerson, photo: Path, mine: int, theirs: int) -> None:
    mina, jun = person("Mina", mine), person("Jun", theirs)
    pair(mina, jun)

    jun.page.locator("#start_date").fill("2023-03-01")
    jun.page.locator("section[aria-labelledby=start] .button").click()
    counted = jun.page.locator("[data-day]").inner_text()
    assert re.fullmatch(r"Day [\d,]+", counted)
    mina.open("/")
    expect(mina.page.locator("[data-day]")).to_have_text(counted)

    mina.page.get_by_label("Happy").check()
    mina.page.locator("#note").fill("Dinner at seven?")
    mina.page.get_by_role("button", name="Share").click()
    expect(mina.page.locator("[data-mood=mine]")).to_contain_text("Dinner at seven?")
    mina.page.locator("#photo").set_input_files(photo)
    expect(mina.page.locator(".photo img")).to_be_visible(timeout=UPLOAD_MILLISECONDS)

    jun.open("/")
    expect(jun.page.locator("[data-day]")).to_have_text(counted)
    expect(jun.page.locator("[data-mood=partner]")).to_contain_text("Happy")
    expect(jun.page.locator("[data-mood=partner]")).to_contain_text("Dinner at seven?")
    shown = jun.page.locator(".photo img")
    expect(shown).to_have_js_property("complete", value=True)
    assert shown.evaluate("image => image.naturalWidth") > 0, "the partner's browser could not read the photo"

    signed = str(shown.get_attribute("src"))
    assert jun.context.request.get(signed).ok
    assert jun.context.request.get(signed.split("?", maxsplit=1)[0]).status == FORBIDDEN
    assert mina.complaints == []
    assert jun.complaints == []


def test_a_file_that_is_no_picture_is_refused_with_a_word(person: NewPerson, tmp_path: Path) -> None:
    mina, jun = person("Mina"), person("Jun")
    pair(mina, jun)
    mina.open("/")
    text = tmp_path / "letter.png"
    text.write_text("Not a picture.")
    mina.page.locator("#photo").set_input_files(text)
    expect(mina.page.locator(".state")).to_have_text("Please choose a JPEG, PNG or WebP picture.")
    expect(mina.page.locator(".photo.empty")).to_be_visible()


def test_a_stranger_is_sent_to_log_in(person: NewPerson) -> None:
    stranger = person("Nobody")
    stranger.open("/ddays")
    stranger.page.wait_for_url("**/log-in")
    assert stranger.complaints == []

"""Every page at the width of a phone and of a desktop, in both languages, by day and by night: pictures for people."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, HEIGHTS, PHONE, NewPerson, Person
from tests.browser.pictures import evening
from tests.browser.test_couple import UPLOAD_MILLISECONDS, pair

LANGUAGES = {"ko": "ko-KR", "en": "en-US"}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def shoot_everywhere(one: Person, name: str, language: str) -> None:
    """Keep pictures of the page at both widths, light and dark; no page is wider than its window."""
    for width in (PHONE, DESKTOP):
        one.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        for scheme in SCHEMES:
            one.page.emulate_media(color_scheme=scheme)
            assert one.overflow() <= 0, f"{name} is {one.overflow()} px wider than a window of {width} px"
            one.shoot(f"{name}-{language}-{width}-{scheme}")
    one.page.set_viewport_size({"width": PHONE, "height": HEIGHTS[PHONE]})
    one.page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_strangers(person: NewPerson, language: str) -> None:
    stranger = person("Nobody", locale=LANGUAGES[language])
    for name, path in {"welcome": "/", "sign-up": "/sign-up", "log-in": "/log-in", "missing": "/nowhere"}.items():
        stranger.open(path)
        expect(stranger.page.locator("html")).to_have_attribute("lang", language)
        shoot_everywhere(stranger, name, language)
    stranger.open("/sign-up")
    stranger.page.locator("#email").fill("not an address")
    stranger.page.locator("main .button").click()
    expect(stranger.page.locator("#email-error")).to_be_visible()
    shoot_everywhere(stranger, "sign-up-wrong", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_couples(person: NewPerson, tmp_path: Path, language: str) -> None:
    names = ("민아", "준") if language == "ko" else ("Mina", "Jun")
    mina, jun = (person(name, locale=LANGUAGES[language]) for name in names)
    pair(mina, jun)
    mina.open("/")
    shoot_everywhere(mina, "home-empty", language)
    mina.open("/ddays")
    mina.page.locator("#start_date").fill("2023-03-01")
    mina.page.locator("section[aria-labelledby=start] .button").click()
    for title, day in (("제주 여행" if language == "ko" else "To Jeju", "2030-05-05"), ("🎂", "2020-02-29")):
        mina.page.locator("#title").fill(title)
        mina.page.locator("#day").fill(day)
        mina.page.locator("section[aria-labelledby=add] .button").click()
        expect(mina.page.locator("section[aria-labelledby=own]")).to_contain_text(title)
    shoot_everywhere(mina, "ddays", language)
    mina.open("/")
    picture = tmp_path / "evening.png"
    picture.write_bytes(evening())
    mina.page.locator("#photo").set_input_files(picture)
    expect(mina.page.locator(".photo img")).to_be_visible(timeout=UPLOAD_MILLISECONDS)
    for one, feeling in ((mina, "loved"), (jun, "tired")):
        one.open("/")
        one.page.locator(f"input[value={feeling}]").check()
        one.page.locator("#note").fill("저녁에 봐!" if language == "ko" else "See you tonight!")
        one.page.locator("form[action='/mood'] .button").click()
        expect(one.page.locator("[data-mood=mine]")).not_to_have_class("silent")
    mina.open("/")
    shoot_everywhere(mina, "home", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_who_is_alone(person: NewPerson, language: str) -> None:
    mina = person("민아" if language == "ko" else "Mina", locale=LANGUAGES[language])
    mina.sign_up()
    shoot_everywhere(mina, "pair", language)
    mina.page.locator("section[aria-labelledby=invite] .button").last.click()
    expect(mina.page.locator("[data-code]")).to_be_visible()
    mina.page.locator("#code").fill("ABCD-EFGH")
    mina.page.locator("section[aria-labelledby=accept] .button").click()
    expect(mina.page.locator("#code-error")).to_be_visible()
    shoot_everywhere(mina, "pair-code", language)

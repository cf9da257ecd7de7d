"""Both languages say everything."""

import re
from collections.abc import Iterator
from pathlib import Path

import duet
import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from duet.i18n import DIRECTORY

from tests.unit.app.conftest import Browser, NewBrowser

SOURCES = Path(duet.__file__).parent
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
INTERNATIONAL = re.compile(r"Duet|D-Day|English|mina|jun|D-DAY|D[-+]\d+|D-Day · Duet|mina ♥ jun · Duet")
HANGUL = re.compile("[가-힣]")


def said() -> Iterator[str]:
    """Everything that the app says, as its sources say it."""
    methods = [("**.py", "python"), ("**.html", "jinja2")]
    for _file, _line, message, _comments, _context in extract_from_dir(SOURCES, methods, keywords=KEYWORDS):
        yield message if isinstance(message, str) else message[0]


def test_korean_says_everything_and_nothing_else() -> None:
    with (DIRECTORY / "ko" / "messages.po").open("rb") as file:
        catalogue = read_po(file)
    korean = {
        message.id if isinstance(message.id, str) else message.id[0]: message.string
        for message in catalogue
        if message.id
    }
    english = set(said())
    assert english - korean.keys() == set()
    assert korean.keys() - english == set()
    for source, translation in korean.items():
        assert translation
        text = translation if isinstance(translation, str) else translation[0]
        assert HANGUL.search(text) or source == "Duet", source
        assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(source)), source


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.5", "ko"),
        ("ko", "ko"),
        ("en-GB", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("de,ko;q=0.4", "ko"),
        ("", "en"),
    ],
)
def test_the_browsers_language_is_taken(browser: NewBrowser, header: str, language: str) -> None:
    page = browser().get("/", headers={"Accept-Language": header}).text
    assert f'<html lang="{language}">' in page


def test_korean_pages_are_korean(two: tuple[Browser, Browser]) -> None:
    mina = two[0]
    mina.send("/ddays/start", start_date="2020-02-29")
    mina.send("/language", language="ko", back="/")
    home, days = mina.get("/").text, mina.get("/ddays").text
    assert re.search(r"[\d,]+일</h1>", home)
    assert "2020년 2월 29일부터" in home
    assert "주년" in days
    for page in (home, days):
        # What is left between tags without Hangul: names, numbers, and words that Korean uses too.
        texts = re.findall(r">([^<>]+)<", page)
        foreign = {text.strip() for text in texts if re.search("[A-Za-z]{2,}", text) and not HANGUL.search(text)}
        left = {
            text
            for text in foreign
            if not re.fullmatch(r"Duet|D-Day|English|mina|jun|D-DAY|D[-+]\d+|D-Day · Duet", text)
        }
        assert left <= {"mina ♥ jun · Duet"}, left


def test_errors_and_failures_are_korean_too(browser: NewBrowser) -> None:
    one = browser()
    one.send("/language", language="ko", back="/")
    assert "여기에는 아무것도 없어요." in one.get("/nowhere").text
    assert "10자 이상 128자 이하로" in one.send("/sign-up", name="mina", email="a@b.kr", password="short").text

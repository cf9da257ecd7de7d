"""Languages: Korean and English, by choice, else by what the browser asks for.

Catalogues are shipped as text and compiled in memory at start: no build step, nothing written to disk.
"""

import io
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, request
from flask_babel import Babel, get_locale

LANGUAGES = {"ko": "한국어", "en": "English"}
COOKIE = "__Host-language"
COOKIE_SECONDS = 365 * 24 * 3600
DIRECTORY = Path(__file__).parent / "translations"


def select_language() -> str:
    """The language of this request."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(list(LANGUAGES), default="en") or "en"


def compile_catalogue(path: Path) -> Translations:
    """The catalogue of a .po file, ready for use."""
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return Translations(compiled, "messages")


def init_app(app: Flask) -> None:
    """Let the app speak its languages."""
    babel = Babel(app, default_locale="en", default_timezone="Asia/Seoul", locale_selector=select_language)
    with app.app_context():
        for path in DIRECTORY.glob("*/messages.po"):
            babel.domain_instance.cache[path.parent.name, "messages"] = compile_catalogue(path)
    app.jinja_env.globals["languages"] = LANGUAGES
    app.jinja_env.globals["current_language"] = lambda: str(get_locale())

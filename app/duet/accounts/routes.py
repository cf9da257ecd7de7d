"""Pages of accounts."""

import re

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import get_locale
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from duet.accounts import identity, service
from duet.accounts.forms import LogInForm, SignUpForm
from duet.accounts.service import NewPerson
from duet.errors import RuleError
from duet.i18n import COOKIE, COOKIE_SECONDS, LANGUAGES

# A path whose second character is a slash, a backslash or a tab would lead to another host.
_OWN_PATH = re.compile(r"/(?:[a-z0-9][\w\-/]*)?", re.ASCII)
blueprint = Blueprint("accounts", __name__, template_folder="templates")


@blueprint.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> str | Response:
    """Make an account and be logged in."""
    if identity.current_person() is not None:
        return redirect(url_for("home.index"))
    form = SignUpForm()
    if form.validate_on_submit():
        try:
            new = NewPerson(form.name.data, form.email.data, form.password.data, str(get_locale()))
            person = service.sign_up(new, request.remote_addr or "", current_app.config["APP_ORIGIN"])
        except RuleError as error:
            form.email.errors = [str(error)]
        else:
            identity.remember(person)
            return redirect(url_for("home.index"))
    return render_template("accounts/sign_up.html", form=form)


@blueprint.route("/log-in", methods=["GET", "POST"])
def log_in() -> str | Response:
    """Come back."""
    if identity.current_person() is not None:
        return redirect(url_for("home.index"))
    form = LogInForm()
    if form.validate_on_submit():
        try:
            person = service.log_in(form.email.data, form.password.data, request.remote_addr or "")
        except RuleError as error:
            flash(str(error), "error")
        else:
            identity.remember(person)
            response = redirect(url_for("home.index"))
            # On a device that has not been told one, the person's language is the one chosen elsewhere.
            return response if COOKIE in request.cookies else _speaking(response, person.language)
    return render_template("accounts/log_in.html", form=form)


@blueprint.post("/log-out")
def log_out() -> Response:
    """Leave."""
    identity.forget()
    return redirect(url_for("home.index"))


@blueprint.post("/language")
def language() -> Response:
    """Choose a language; the page one came from is shown again."""
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        raise BadRequest
    person = identity.current_person()
    if person is not None:
        service.speak(person, chosen)
    back = request.form.get("back", "/")
    # Only a path of ours: an address elsewhere would make this an open redirect.
    return _speaking(redirect(back if _OWN_PATH.fullmatch(back) else "/"), chosen)


def _speaking(response: Response, language: str) -> Response:
    response.set_cookie(COOKIE, language, max_age=COOKIE_SECONDS, path="/", secure=True, httponly=True, samesite="Lax")
    return response

"""Pages of pairing."""

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from duet.accounts.identity import current_person, needs_person
from duet.accounts.models import Person
from duet.couple import service
from duet.couple.forms import CodeForm, InviteForm
from duet.couple.identity import current_pair
from duet.errors import RuleError

blueprint = Blueprint("couple", __name__, template_folder="templates")


@blueprint.get("/pair")
@needs_person
def pairing() -> str | Response:
    """Get a code, or enter the partner's."""
    if current_pair() is not None:
        return redirect(url_for("home.index"))
    return _page(CodeForm(), InviteForm())


@blueprint.post("/pair/invite")
@needs_person
def invite() -> str | Response:
    """Make a code, and send it when an address is given."""
    if current_pair() is not None:
        return redirect(url_for("home.index"))
    form = InviteForm()
    if not form.validate_on_submit():
        return _page(CodeForm(formdata=None), form)
    person = _person()
    made = service.invite(person.id)
    if form.email.data:
        sent = service.send_invite(person, made.code, form.email.data, current_app.config["APP_ORIGIN"])
        flash(
            _("The code is on its way.") if sent else _("The mail could not be sent. Please pass the code on yourself.")
        )
    return redirect(url_for("couple.pairing"))


@blueprint.post("/pair/accept")
@needs_person
def accept() -> str | Response:
    """Enter the partner's code."""
    if current_pair() is not None:
        return redirect(url_for("home.index"))
    form = CodeForm()
    if form.validate_on_submit():
        try:
            service.accept(_person().id, form.code.data)
        except RuleError as error:
            form.code.errors = [str(error)]
        else:
            flash(_("You are a pair now. When did it begin?"))
            return redirect(url_for("dday.index"))
    return _page(form, InviteForm(formdata=None))


def _person() -> Person:
    person = current_person()
    if person is None:
        raise LookupError("the view is not guarded by needs_person")
    return person


def _page(code_form: CodeForm, invite_form: InviteForm) -> str:
    invite = service.open_invite(_person().id)
    return render_template(
        "couple/pairing.html",
        code_form=code_form,
        invite_form=invite_form,
        code=service.spoken(invite.code) if invite else None,
        expires_at=invite.expires_at if invite else None,
    )

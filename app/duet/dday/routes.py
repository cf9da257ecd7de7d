"""The page of days."""

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from duet import clock
from duet.couple.identity import needs_couple, this_pair
from duet.dday import service
from duet.dday.forms import DdayForm, StartForm
from duet.errors import RuleError
from duet.home import view

blueprint = Blueprint("dday", __name__, template_folder="templates")
MILESTONES_SHOWN = 8


@blueprint.get("/ddays")
@needs_couple
def index() -> str:
    """All days."""
    return _page(None, DdayForm())


@blueprint.post("/ddays/start")
@needs_couple
def start() -> str | Response:
    """Say when it began."""
    form = StartForm()
    if not form.validate_on_submit():
        return _page(form, DdayForm(formdata=None))
    service.set_start(this_pair().couple_id, form.start_date.data)
    return redirect(url_for("dday.index"))


@blueprint.post("/ddays")
@needs_couple
def add() -> str | Response:
    """Add a day."""
    form = DdayForm()
    if not form.validate_on_submit():
        return _page(None, form)
    try:
        service.add(this_pair().couple_id, form.title.data, form.day.data)
    except RuleError as error:
        form.title.errors = [str(error)]
        return _page(None, form)
    return redirect(url_for("dday.index"))


@blueprint.post("/ddays/<int:dday_id>/remove")
@needs_couple
def remove(dday_id: int) -> Response:
    """Remove a day."""
    if not service.remove(this_pair().couple_id, dday_id):
        abort(404)
    flash(_("Removed."))
    return redirect(url_for("dday.index"))


def _page(start_form: StartForm | None, dday_form: DdayForm) -> str:
    seen = view.of_pair(this_pair(), clock.today(), MILESTONES_SHOWN)
    if start_form is None:
        start_form = StartForm(formdata=None, start_date=seen.start_date)
    return render_template("dday/index.html", view=seen, start_form=start_form, dday_form=dday_form)

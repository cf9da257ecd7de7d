"""Saying one's mood."""

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from duet import clock
from duet.couple.identity import needs_couple, this_pair
from duet.mood import service
from duet.mood.forms import MoodForm
from duet.mood.models import Feeling

blueprint = Blueprint("mood", __name__)


@blueprint.post("/mood")
@needs_couple
def say() -> Response:
    """Say one's mood of today."""
    form = MoodForm()
    if form.validate_on_submit():
        service.say(this_pair(), clock.today(), Feeling(form.feeling.data), form.note.data or "")
    else:
        flash(_("Please choose a mood; a note has at most 140 characters."), "error")
    return redirect(url_for("home.index"))

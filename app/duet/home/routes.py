"""The home page."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from duet import clock
from duet.accounts.identity import current_person
from duet.couple.identity import current_pair
from duet.home import view
from duet.mood.forms import FACES, MoodForm
from duet.photo import service as photo

blueprint = Blueprint("home", __name__, template_folder="templates")
MILESTONES_SHOWN = 3
DAYS_SHOWN = 3


@blueprint.app_context_processor
def who() -> dict[str, object]:
    """What every page may show of who is asking; looked up only where a template asks."""
    return {"current_person": current_person, "current_pair": current_pair, "faces": FACES}


@blueprint.get("/")
def index() -> str | Response:
    """The couple's home; a stranger is welcomed, who is alone is sent to find their partner."""
    if current_person() is None:
        return render_template("home/welcome.html")
    pair = current_pair()
    if pair is None:
        return redirect(url_for("couple.pairing"))
    seen = view.of_pair(pair, clock.today(), MILESTONES_SHOWN)
    mine = seen.my_mood
    form = MoodForm(formdata=None, feeling=mine.feeling if mine else None, note=mine.note if mine else "")
    return render_template(
        "home/index.html",
        view=seen,
        form=form,
        coming=seen.coming(DAYS_SHOWN),
        photo_url=photo.address(seen.photo) if seen.photo else None,
        most_bytes=photo.MOST_BYTES,
        kinds=",".join(photo.KINDS),
    )

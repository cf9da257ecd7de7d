"""Uploading the photo, in two steps around the browser's own upload to the bucket."""

from flask import Blueprint, Response, flash, jsonify, request, url_for
from flask_babel import gettext as _

from duet.couple.identity import current_pair
from duet.errors import RuleError
from duet.photo import service

blueprint = Blueprint("photo", __name__)


@blueprint.post("/photo/begin")
def begin() -> Response:
    """Say what will be uploaded: `{"content_type", "size"}` → `{"key", "url", "fields"}`."""
    pair = current_pair()
    if pair is None:
        return _refusal(_("Please log in again."), 403)
    wanted = request.get_json(silent=True)
    if not isinstance(wanted, dict) or type(wanted.get("size")) is not int:
        return _refusal(_("That did not work."), 400)
    try:
        begun = service.begin(pair, str(wanted.get("content_type")), wanted["size"])
    except RuleError as error:
        return _refusal(str(error), 422)
    return jsonify(key=begun.key, url=begun.upload.url, fields=begun.upload.fields)


@blueprint.post("/photo/confirm")
def confirm() -> Response:
    """Say that it is uploaded: `{"key"}` → `{"next"}`, the page that shows it."""
    pair = current_pair()
    if pair is None:
        return _refusal(_("Please log in again."), 403)
    wanted = request.get_json(silent=True)
    if not isinstance(wanted, dict):
        return _refusal(_("That did not work."), 400)
    try:
        service.confirm(pair, str(wanted.get("key")))
    except RuleError as error:
        return _refusal(str(error), 422)
    flash(_("Your photo is up."))
    return jsonify(next=url_for("home.index"))


def _refusal(text: str, status: int) -> Response:
    response = jsonify(error=text)
    response.status_code = status
    return response

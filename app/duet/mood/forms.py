"""What somebody says of their mood."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from duet.accounts.forms import stripped
from duet.mood.models import Feeling

FACES = {
    Feeling.LOVED: ("🥰", _l("In love")),
    Feeling.HAPPY: ("😊", _l("Happy")),
    Feeling.CALM: ("😌", _l("Calm")),
    Feeling.TIRED: ("🥱", _l("Tired")),
    Feeling.SAD: ("😢", _l("Sad")),
    Feeling.CROSS: ("😤", _l("Cross")),
}


class MoodForm(FlaskForm):
    """A feeling and, if one likes, a few words."""

    feeling = RadioField(
        _l("How are you today?"),
        choices=[SelectChoice(feeling.value, name) for feeling, (_face, name) in FACES.items()],
        validate_choice=True,
    )
    note = StringField(
        _l("A few words (optional)"),
        filters=[stripped],
        validators=[Length(max=140, message=_l("At most 140 characters."))],
    )

"""What couples fill in about their days."""

from datetime import date

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, Field, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from duet.accounts.forms import stripped

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)


def within_reason(_form: FlaskForm, field: Field) -> None:
    """Refuse a date that nobody means."""
    if field.data is not None and not EARLIEST <= field.data <= LATEST:
        raise ValidationError(_l("Please choose a date between 1900 and 2199."))


class StartForm(FlaskForm):
    """When it began."""

    start_date = DateField(
        _l("The day it began"), validators=[DataRequired(_l("Please choose a date.")), within_reason]
    )


class DdayForm(FlaskForm):
    """A day of their own."""

    title = StringField(
        _l("What is it?"),
        filters=[stripped],
        validators=[DataRequired(_l("Please give it a name.")), Length(max=60, message=_l("At most 60 characters."))],
    )
    day = DateField(_l("Date"), validators=[DataRequired(_l("Please choose a date.")), within_reason])

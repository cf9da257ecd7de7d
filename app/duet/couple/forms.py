"""What people fill in to become a couple."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, StringField
from wtforms.validators import DataRequired, Email, Length, Optional

from duet.accounts.forms import stripped


class CodeForm(FlaskForm):
    """The partner's code."""

    code = StringField(
        _l("Your partner's code"),
        validators=[DataRequired(_l("Please enter the code.")), Length(max=20, message=_l("This code is too long."))],
    )


class InviteForm(FlaskForm):
    """Ask for a code; with an address it is sent there too."""

    email = EmailField(
        _l("Your partner's email (optional)"),
        filters=[stripped],
        validators=[Optional(), Email(_l("This is not an email address."), allow_smtputf8=False)],
    )

"""What people fill in to sign up and log in."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, Email, Length

MINIMUM_PASSWORD = 10


def stripped(value: str | None) -> str | None:
    """The text without white space around it, and without NUL, which PostgreSQL's texts cannot hold."""
    return value.replace("\0", "").strip() if value else value


class SignUpForm(FlaskForm):
    """A new person."""

    name = StringField(
        _l("Your name"),
        filters=[stripped],
        validators=[
            DataRequired(_l("Please tell us your name.")),
            Length(max=40, message=_l("At most 40 characters.")),
        ],
    )
    email = EmailField(
        _l("Email"),
        filters=[stripped],
        # SES delivers to no address whose local part is not ASCII.
        # https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html
        validators=[
            DataRequired(_l("Please give your email.")),
            Email(_l("This is not an email address."), allow_smtputf8=False),
        ],
    )
    password = PasswordField(
        _l("Password"),
        validators=[
            DataRequired(_l("Please choose a password.")),
            Length(min=MINIMUM_PASSWORD, max=128, message=_l("Between 10 and 128 characters.")),
        ],
    )


class LogInForm(FlaskForm):
    """A person who comes back."""

    email = EmailField(_l("Email"), filters=[stripped], validators=[DataRequired(_l("Please give your email."))])
    password = PasswordField(
        _l("Password"),
        validators=[
            DataRequired(_l("Please give your password.")),
            Length(max=128, message=_l("At most 128 characters.")),
        ],
    )

"""Headers that tell the browser what a page may do, and the check of every form's origin."""

from flask import Flask, Response
from flask_wtf import CSRFProtect

from duet.storage import media_origin

csrf = CSRFProtect()


def content_security_policy(media: str) -> str:
    """The policy: our own files, and the media bucket at `media` for photos; nothing inline, nothing framed."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {media}",
            f"connect-src 'self' {media}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def init_app(app: Flask) -> None:
    """Protect every form and set the headers on every answer."""
    csrf.init_app(app)
    headers = {
        "Content-Security-Policy": content_security_policy(media_origin(app)),
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        # The check of a form's origin reads the referrer, so it stays within the site.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        # Pages are of two people only: no shared or disk cache keeps them.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

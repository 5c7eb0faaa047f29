"""One tree of errors. Each class owns an HTTP status and a stable code; below the edge nothing else knows HTTP."""

from __future__ import annotations

from typing import Any


class PenstockError(Exception):
    """Base of all errors that we mean to show. `detail` is safe to show; `fix` says what to do."""

    status = 500
    code = "internal"
    title = "Something went wrong"

    def __init__(self, detail: str = "", *, fix: str | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.fix = fix
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.detail} ({self.fix})" if self.fix else self.detail


class InvalidInput(PenstockError):
    """The caller sent something that makes no sense."""

    status, code, title = 422, "invalid_input", "The input is not valid"


class NotSignedIn(PenstockError):
    """Nobody, or a wrong key, token or signature."""

    status, code, title = 401, "not_signed_in", "Sign in first"


class NotAllowed(PenstockError):
    """Somebody, but not allowed."""

    status, code, title = 403, "not_allowed", "Not allowed"


class NotFound(PenstockError):
    """It does not exist, or not for this caller."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(PenstockError):
    """It clashes with what is there."""

    status, code, title = 409, "conflict", "It conflicts with what is there"


class WrongMethod(PenstockError):
    """The address exists, but not for this method."""

    status, code, title = 405, "wrong_method", "This address does not take that method"


class TooLarge(PenstockError):
    """The body is larger than the endpoint takes."""

    status, code, title = 413, "too_large", "The request is too large"


class TooMany(PenstockError):
    """Too many requests; `retry_after_s` says when to come back."""

    status, code, title = 429, "too_many_requests", "Too many requests"


class NotConfigured(PenstockError):
    """A setting is missing or a placeholder."""

    status, code, title = 503, "not_configured", "Not configured"


class ProviderError(PenstockError):
    """A vendor did not do what we asked."""

    status, code, title = 502, "provider_error", "A vendor did not answer as agreed"


class ProviderBusy(ProviderError):
    """The vendor cannot now; try again after `retry_after_s` seconds.

    `reached` is False only when the request certainly never reached the vendor, so that nothing can have been billed.
    """

    status, code, title = 503, "provider_busy", "A vendor is busy"

    def __init__(self, detail: str = "", *, retry_after_s: float = 30.0, reached: bool = True, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after_s = retry_after_s
        self.reached = reached


class ProviderRefused(ProviderError):
    """The vendor will never do this; stop and tell someone."""

    code, title = "provider_refused", "A vendor refused"


def reason_of(error: Exception) -> str:
    """What may be kept and shown of an error: the words of our own; of any other its type alone, because its text may
    quote what it choked on."""
    return str(error) if isinstance(error, PenstockError) else type(error).__name__


# SQLSTATEs that our own functions raise, and the error each becomes. docs/reference/errors.md lists them.
BY_SQLSTATE: dict[str, type[PenstockError]] = {
    "PS001": Conflict,
    "PS002": NotAllowed,
    "PS003": NotAllowed,
    "PS004": Conflict,
    "PS005": InvalidInput,
    "PS006": InvalidInput,
    "PS007": Conflict,
    "PS008": InvalidInput,
    "PS009": Conflict,
    "PS404": NotFound,
    "23505": Conflict,
    "23503": Conflict,
    "23514": InvalidInput,
    "22P02": InvalidInput,
    "42501": NotAllowed,
}

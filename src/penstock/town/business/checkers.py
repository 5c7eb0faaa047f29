"""Email verification vendors: ZeroBounce, NeverBounce and MillionVerifier, each with its own words for one truth.

The keys `bad` (or none) and `nocredit` get each vendor's own error form: NeverBounce and MillionVerifier say it with
HTTP 200. ZeroBounce answers the first question about a greylisting server with a bare `message`, and asks to come back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from penstock.town.business import odds
from penstock.town.business.company import ROLE_BOXES
from penstock.town.state import TownState
from penstock.town.wire import body_as_object, hurt, text

BATCH: Final = 200
BAD_KEYS: Final = ("", "bad")
NO_KEY: Final = "Invalid API key or your account ran out of credits"
ZEROBOUNCE: Final[Mapping[str, tuple[str, str]]] = {  # status, sub_status
    "valid": ("valid", ""),
    "invalid": ("invalid", "mailbox_not_found"),
    "syntax": ("invalid", "failed_syntax_check"),
    "no_dns": ("invalid", "no_dns_entries"),
    "catch_all": ("catch-all", ""),
    "full": ("invalid", "mailbox_quota_exceeded"),
    "role": ("do_not_mail", "role_based"),
    "disposable": ("do_not_mail", "disposable"),
    "unknown": ("unknown", "mail_server_temporary_error"),
    "greylisted": ("unknown", "greylisted"),
}
NEVERBOUNCE: Final[Mapping[str, str]] = {
    "valid": "valid", "invalid": "invalid", "syntax": "invalid", "no_dns": "invalid", "catch_all": "catchall",
    "full": "unknown", "role": "valid", "disposable": "disposable", "unknown": "unknown", "greylisted": "unknown",
}  # fmt: skip
MILLIONVERIFIER: Final[Mapping[str, tuple[str, int, str]]] = {  # result, resultcode, quality
    "valid": ("ok", 1, "good"),
    "role": ("ok", 1, "good"),
    "catch_all": ("catch_all", 2, "unknown"),
    "unknown": ("unknown", 3, "unknown"),
    "greylisted": ("unknown", 3, "unknown"),
    "full": ("unknown", 3, "unknown"),
    "disposable": ("disposable", 5, "bad"),
    "invalid": ("invalid", 6, "bad"),
    "syntax": ("invalid", 6, "bad"),
    "no_dns": ("invalid", 6, "bad"),
}


class Checkers:
    """The endpoints of all three over one town."""

    def __init__(self, town: TownState) -> None:
        self._town = town
        self._asked_before: set[str] = set()

    def zerobounce_routes(self) -> list[Route]:
        """Paths below …/zerobounce/v2."""
        return [
            Route("/validate", self.zerobounce, methods=["GET"]),
            Route("/validatebatch", self.zerobounce_batch, methods=["POST"]),
            Route("/getcredits", self.zerobounce_credits, methods=["GET"]),
        ]

    def neverbounce_routes(self) -> list[Route]:
        """Paths below …/neverbounce/v4.2."""
        return [Route("/single/check", self.neverbounce, methods=["GET", "POST"])]

    def millionverifier_routes(self) -> list[Route]:
        """Paths below …/millionverifier/api/v3."""
        return [Route("/", self.millionverifier, methods=["GET"])]

    def verdict(self, vendor: str, email: str) -> str:
        """A key of the vendors' tables. Wrong now and then; what is unknown today may be known tomorrow."""
        town, dice = self._town, self._town.dice
        email = email.strip().casefold()
        local, _, domain = email.rpartition("@")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", email):
            return "syntax"
        if domain == "disposable.test":
            return "disposable"
        company = town.companies.at_domain(domain)
        if company is not None and company.domain_state == "servfail":
            return "unknown"
        if not town.has_mail(domain):
            return "no_dns"
        if local in ROLE_BOXES:
            return "role"
        box = town.mailbox(email)
        state = "catch_all" if town.accepts_all(domain) else box.state if box else "dead"
        if dice.chance(odds.CHECK_UNKNOWN[state], vendor, "unknown", email, state, town.clock.now().date()):
            return "unknown"
        return dice.weighted(odds.CHECK_SAYS[state], vendor, "says", email, state, otherwise="invalid")

    # --- ZeroBounce ---------------------------------------------------------------------------------------------------
    async def zerobounce(self, request: Request) -> Response:
        """One address."""
        key, email = request.query_params.get("api_key", ""), request.query_params.get("email", "")
        if blow := self._town.faults.strike("zerobounce", email.casefold()):
            return await hurt(request, blow, busy=Response(status_code=429), broken=Response(status_code=500))
        if key in BAD_KEYS or key == "nocredit":
            return JSONResponse({"error": NO_KEY})
        if not email:
            return JSONResponse({"error": "Missing parameter: email"}, status_code=400)
        verdict = self._zerobounce_verdict(email)
        if verdict == "greylisted":
            return JSONResponse({"message": "The greylisting process is still running, please ask again later."})
        return JSONResponse(self._zerobounce_answer(email, verdict))

    async def zerobounce_batch(self, request: Request) -> Response:
        """Up to 200 addresses; what cannot be answered is in `errors`."""
        try:
            sent = await body_as_object(request)
        except ValueError:
            return JSONResponse({"error": "invalid JSON"}, status_code=400)
        batch = sent.get("email_batch")
        if not isinstance(batch, list) or not all(isinstance(item, dict) for item in batch):
            return JSONResponse({"error": "email_batch must be a list"}, status_code=400)
        emails = [text(item.get("email_address")) for item in batch]
        if blow := self._town.faults.strike("zerobounce", "batch " + " ".join(sorted(emails)).casefold()):
            return await hurt(request, blow, busy=Response(status_code=429), broken=Response(status_code=500))
        if text(sent.get("api_key")) in (*BAD_KEYS, "nocredit"):
            return JSONResponse({"email_batch": [], "errors": [{"error": NO_KEY, "email_address": "all"}]})
        if len(emails) > BATCH:
            error = {"error": f"Too many addresses: at most {BATCH}", "email_address": "all"}
            return JSONResponse({"email_batch": [], "errors": [error]})
        errors = [{"error": "Invalid email", "email_address": email} for email in emails if not email]
        answers = [self._zerobounce_answer(email, self._zerobounce_verdict(email)) for email in emails if email]
        return JSONResponse({"email_batch": answers, "errors": errors})

    async def zerobounce_credits(self, request: Request) -> Response:
        """-1 says that the key is bad."""
        key = request.query_params.get("api_key", "")
        return JSONResponse({"Credits": "-1" if key in BAD_KEYS else "0" if key == "nocredit" else "90000"})

    def _zerobounce_verdict(self, email: str) -> str:
        company = self._town.companies.at_domain(email.rpartition("@")[2])
        if company and company.greylists and email.casefold() not in self._asked_before:
            self._asked_before.add(email.casefold())
            return "greylisted"
        return self.verdict("zerobounce", email)

    def _zerobounce_answer(self, email: str, verdict: str) -> dict[str, Any]:
        status, sub_status = ZEROBOUNCE[verdict]
        if status != "unknown":
            self._bill("zerobounce", "validate", email)
        local, _, domain = email.rpartition("@")
        has_mx = verdict not in ("syntax", "no_dns")
        return {
            "address": email,
            "status": status,
            "sub_status": sub_status,
            "account": local,
            "domain": domain,
            "did_you_mean": None,
            "domain_age_days": "2692",
            "free_email": not self._town.companies.at_domain(domain),
            "mx_found": "true" if has_mx else "false",
            "mx_record": f"mx.{domain}" if has_mx else "",
            "smtp_provider": None,
            "catchall_domain": None,
            "active_in_days": None,
            **dict.fromkeys(("firstname", "lastname", "gender", "city", "region", "zipcode", "country")),
            "processed_at": f"{self._town.clock.now():%Y-%m-%d %H:%M:%S}.000",
        }

    # --- NeverBounce --------------------------------------------------------------------------------------------------
    async def neverbounce(self, request: Request) -> Response:
        """One address. Every error is HTTP 200 with another `status`."""
        sent: Mapping[str, Any] = request.query_params
        if request.method == "POST":
            try:
                sent = {**request.query_params, **await body_as_object(request)}
            except ValueError:
                return _neverbounce("general_failure", message="the body must be a JSON object")
        key, email = text(sent.get("key")), text(sent.get("email"))
        if blow := self._town.faults.strike("neverbounce", email.casefold()):
            busy = _neverbounce("throttle_triggered", message="Too many requests in a short amount of time")
            return await hurt(request, blow, busy=busy, broken=_neverbounce("temp_unavail", message="Try again later"))
        if key in BAD_KEYS:
            return _neverbounce("auth_failure", message="Invalid API key 'bad'")
        if key == "nocredit":
            return _neverbounce("general_failure", message="Insufficient credit balance")
        if not email:
            return _neverbounce("general_failure", message="Missing required parameter 'email'")
        verdict = self.verdict("neverbounce", email)
        self._bill("neverbounce", "check", email)
        flags = [] if verdict in ("syntax", "no_dns") else ["has_dns", "has_dns_mx", "smtp_connectable"]
        flags += {"role": ["role_account"], "syntax": ["bad_syntax"]}.get(verdict, [])
        return _neverbounce("success", result=NEVERBOUNCE[verdict], flags=flags, suggested_correction="")

    # --- MillionVerifier ----------------------------------------------------------------------------------------------
    async def millionverifier(self, request: Request) -> Response:
        """One address. A bad key is HTTP 200 with result "error"."""
        key, email = request.query_params.get("api", ""), request.query_params.get("email", "")
        if blow := self._town.faults.strike("millionverifier", email.casefold()):
            return await hurt(request, blow, busy=Response(status_code=429), broken=Response(status_code=500))
        if key in BAD_KEYS:
            return _millionverifier(email, ("error", 4, "bad"), error="apikey not found")
        if key == "nocredit":
            return _millionverifier(email, ("error", 4, "bad"), error="Insufficient credits")
        verdict = self.verdict("millionverifier", email)
        result = MILLIONVERIFIER[verdict]
        if result[0] not in ("catch_all", "unknown"):
            self._bill("millionverifier", "verify", email)
        free = not self._town.companies.at_domain(email.rpartition("@")[2])
        return _millionverifier(email, result, role=verdict == "role", free=free)

    def _bill(self, vendor: str, operation: str, email: str) -> None:
        self._town.truth.bill(vendor, operation, [email.casefold()])


def _neverbounce(status: str, **more: Any) -> Response:
    return JSONResponse({"status": status, **more, "execution_time": 166})


def _millionverifier(
    email: str, result: tuple[str, int, str], *, role: bool = False, free: bool = False, error: str = ""
) -> Response:
    name, code, quality = result
    return JSONResponse(
        {
            "email": email,
            "quality": quality,
            "result": name,
            "resultcode": code,
            "subresult": name,
            "free": free,
            "role": role,
            "didyoumean": "",
            "credits": 0 if error else 999,
            "executiontime": 1,
            "error": error,
            "livemode": True,
        }
    )

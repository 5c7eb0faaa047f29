"""The vendors: one folder per capability, one small file per vendor.

Each vendor file holds a pure `build_request` (values in, request out), a pure `parse_answer` (body in, values out) and
a thin class that puts the shared HTTP client between them. Each capability folder holds what all its vendors promise
(a Protocol) and the REGISTRY of those we speak to. Providers know nothing of leads, tenants or the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.core.errors import NotConfigured, ProviderError
from penstock.core.settings import Settings, Vendor


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom we talk to a vendor. `base_url` without a trailing slash."""

    base_url: str
    key: str
    timeout_s: float = 30.0

    def url(self, path: str) -> str:
        """The full address of `path` (which starts with a slash)."""
        return self.base_url.rstrip("/") + path

    def bearer(self) -> dict[str, str]:
        """The headers of a JSON call that signs in with a bearer token."""
        return {"Authorization": f"Bearer {self.key}", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    """A vendor's raw answer about one item of a batch, and whether the vendor charges for that item.

    `records`: how many records came, where a call buys several and each is charged.
    `failed`: the vendor had trouble with this one item; nothing was bought and it may be asked again.
    `error`: no answer to this item, though others of the batch have theirs (a vendor that is asked item by item).
    """

    raw: Mapping[str, Any]
    billable: bool
    failed: bool = False
    error: ProviderError | None = None
    records: int = 1


def account(settings: Settings, vendor: str, *, capability: str = "") -> Account:
    """The account that the settings hold for `vendor`. Raises NotConfigured where there is none.

    A vendor with several hosts names the others after the capability: `melissa.email_base_url`.
    """
    group = getattr(settings.vendors, vendor, None)
    if not isinstance(group, Vendor) or not group.key.get_secret_value():
        may_be_asked(settings, vendor)
    if not isinstance(group, Vendor) or not group.connected:
        raise NotConfigured(f"{vendor} has no key", fix=f"set PENSTOCK_VENDORS__{vendor.upper()}__KEY")
    base_url = getattr(group, f"{capability}_base_url", "") or group.base_url
    return Account(base_url=base_url, key=group.key.get_secret_value(), timeout_s=group.timeout_s)


def may_be_asked(settings: Settings, whom: str) -> None:
    """Raises NotConfigured where nobody outside may be asked: in a town's database while the town does not run."""
    if settings.net.closed:
        raise NotConfigured(
            f"{whom} is played by a town here, which does not run",
            fix="run: penstock demo" if settings.environment == "demo" else "leave penstock up running beside this",
        )


def requests_per_s(settings: Settings, vendor: str) -> float:
    """How many batches a second `vendor` may be asked at most. What is no vendor keeps its manners by itself."""
    group = getattr(settings.vendors, vendor, None)
    return group.requests_per_s if isinstance(group, Vendor) else 1000.0

"""All settings, read once from the environment and an optional file, frozen, passed down."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from penstock.core.errors import NotConfigured

PLACEHOLDERS = {"", "changeme", "change-me", "secret", "placeholder", "your-key-here", "xxx", "todo", "test", "example"}


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Vendor(_Group):
    """Where a vendor is and how we sign in. Empty key = not connected."""

    base_url: str = ""
    key: SecretStr = SecretStr("")
    timeout_s: float = 20.0
    requests_per_s: float = 20.0

    @property
    def connected(self) -> bool:
        return bool(self.base_url) and self.key.get_secret_value().strip().lower() not in PLACEHOLDERS


class MelissaVendor(Vendor):
    """Melissa: the base is the host part of all its services in the town, and empty for the real hosts."""

    base_url: str = "https://personator.melissadata.net"
    email_base_url: str = "https://globalemail.melissadata.net"


class BatchDataVendor(Vendor):
    base_url: str = "https://api.batchdata.com"


class VapiVendor(Vendor):
    base_url: str = "https://api.vapi.ai"
    assistant_id: str = ""
    cents_per_minute: Decimal = Field(default=Decimal(15), gt=0)  # at most, platform and providers together
    webhook_secret: SecretStr = SecretStr("")
    webhook_scheme: Literal["hmac", "secret"] = "hmac"


class CalcomVendor(Vendor):
    base_url: str = "https://api.cal.com"
    booking_url: str = "https://cal.com"
    webhook_secret: SecretStr = SecretStr("")


class ZeroBounceVendor(Vendor):
    base_url: str = "https://api.zerobounce.net"


class NeverBounceVendor(Vendor):
    base_url: str = "https://api.neverbounce.com"


class MillionVerifierVendor(Vendor):
    base_url: str = "https://api.millionverifier.com"


class ApifyVendor(Vendor):
    base_url: str = "https://api.apify.com"
    webhook_token: SecretStr = SecretStr("")


class SocrataVendor(Vendor):
    """Open-data portals: each has its own host; the base is theirs all only in the town. The key is the app token."""

    requests_per_s: float = 5.0


class CensusVendor(Vendor):
    """The Census geocoder is free and asks for no key."""

    base_url: str = "https://geocoding.geo.census.gov"
    timeout_s: float = 300.0
    requests_per_s: float = 1.0

    @property
    def connected(self) -> bool:
        return bool(self.base_url)


class NaipVendor(Vendor):
    """USGS NAIP imagery is public domain and asks for no key."""

    base_url: str = "https://imagery.nationalmap.gov"
    timeout_s: float = 60.0
    requests_per_s: float = 2.0

    @property
    def connected(self) -> bool:
        return bool(self.base_url)


class GoogleMapsVendor(Vendor):
    """Its public terms forbid keeping pictures and reading them by machine; a contract may allow it."""

    base_url: str = "https://maps.googleapis.com"
    contract_allows_analysis: bool = False


class MapboxVendor(Vendor):
    base_url: str = "https://api.mapbox.com"


class NearmapVendor(Vendor):
    base_url: str = "https://api.nearmap.com"


class OpenAiVendor(Vendor):
    base_url: str = "https://api.openai.com/v1"
    timeout_s: float = 120.0


class AnthropicVendor(Vendor):
    base_url: str = "https://api.anthropic.com"
    timeout_s: float = 120.0


class StripeVendor(Vendor):
    base_url: str = "https://api.stripe.com"
    webhook_secret: SecretStr = SecretStr("")
    meter_event: str = "leads_generated"


class Vendors(_Group):
    melissa: MelissaVendor = MelissaVendor()
    batchdata: BatchDataVendor = BatchDataVendor()
    vapi: VapiVendor = VapiVendor()
    calcom: CalcomVendor = CalcomVendor()
    zerobounce: ZeroBounceVendor = ZeroBounceVendor()
    neverbounce: NeverBounceVendor = NeverBounceVendor()
    millionverifier: MillionVerifierVendor = MillionVerifierVendor()
    apify: ApifyVendor = ApifyVendor()
    socrata: SocrataVendor = SocrataVendor()
    census: CensusVendor = CensusVendor()
    naip: NaipVendor = NaipVendor()
    google_maps: GoogleMapsVendor = GoogleMapsVendor()
    mapbox: MapboxVendor = MapboxVendor()
    nearmap: NearmapVendor = NearmapVendor()
    openai: OpenAiVendor = OpenAiVendor()
    anthropic: AnthropicVendor = AnthropicVendor()
    stripe: StripeVendor = StripeVendor()
    concurrency: int = Field(default=4, ge=1, le=64)

    @property
    def any_connected(self) -> bool:
        """Whether any vendor is reached for real."""
        return any(isinstance(group, Vendor) and group.key.get_secret_value() and group.connected for _, group in self)


class Mail(_Group):
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    connections: int = Field(default=4, ge=1, le=32)
    inbound_token: SecretStr = SecretStr("")


class Net(_Group):
    """Where names lead, and how politely we knock. The first three are empty but in the town."""

    connect_to: str = ""  # host:port from which every page is fetched, whatever its name
    dns_url: str = ""  # name look-ups over HTTP instead of the system's resolver
    smtp_to: str = ""  # host:port at which every domain's mail server is reached
    closed: bool = False  # ask nobody outside who needs no key: portals, geocoder, pictures, pages
    user_agent: str = "penstock/1.0 (+https://github.com/penstock)"
    page_seconds: float = Field(default=20.0, gt=0)
    page_bytes: int = Field(default=3_000_000, ge=10_000)
    requests_per_s_per_host: float = Field(default=0.5, gt=0)
    concurrency: int = Field(default=8, ge=1, le=256)


class Probe(_Group):
    """Our own check of mailboxes. An empty helo_name switches it off: most clouds let nothing out on port 25."""

    helo_name: str = ""
    mail_from: str = ""
    seconds_per_domain: float = Field(default=1.0, ge=0)
    timeout_s: float = Field(default=10.0, gt=0)


class Scans(_Group):
    """Area scans: how large a drawn area may be."""

    largest_square_miles: float = Field(default=400.0, gt=0)


class Contagion(_Group):
    """Who measures the places of a large pass: this process in a thread, processes beside it, or a Dask cluster."""

    processes: int = Field(default=1, ge=1, le=256)
    dask: str = ""  # address of a scheduler, "tcp://host:8786"; it then takes the place of the processes
    from_places: int = Field(default=500_000, ge=1)  # smaller passes stay in the thread


class Api(_Group):
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = "http://127.0.0.1:8080"
    token_minutes: int = 60
    requests_per_minute: int = 100
    upload_requests_per_minute: int = 1000
    max_upload_bytes: int = 2_000_000_000


class Logging(_Group):
    format: Literal["console", "json"] = "console"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(BaseSettings):
    """Everything that differs between installations. `.env.example` explains each; units are in the names."""

    model_config = SettingsConfigDict(
        env_prefix="PENSTOCK_", env_nested_delimiter="__", frozen=True, extra="ignore", populate_by_name=True
    )

    environment: Literal["demo", "development", "production"] = "development"
    database_url: str = Field(
        default="", validation_alias=AliasChoices("database_url", "DATABASE_URL", "PENSTOCK_DATABASE_URL")
    )
    database_pool_size: int = Field(default=10, ge=2, le=100)
    home: Path = Field(default_factory=lambda: default_home())
    org_id: int = 1
    master_key: SecretStr = SecretStr("")
    playbooks: str = ""
    api: Api = Api()
    vendors: Vendors = Vendors()
    mail: Mail = Mail()
    net: Net = Net()
    probe: Probe = Probe()
    scans: Scans = Scans()
    contagion: Contagion = Contagion()
    logging: Logging = Logging()
    town_url: str = ""

    @property
    def reaches_people(self) -> bool:
        """Whether what is asked and sent goes to real vendors and people, not to a town."""
        outside = self.vendors.any_connected or self.mail.smtp_host or self.probe.helo_name
        return not self.town_url and bool(outside or self.environment == "production")

    def playbook_packages(self) -> list[str]:
        """Python packages with a playbook of one's own, as `playbooks` lists them, separated by commas."""
        return [name.strip() for name in self.playbooks.split(",") if name.strip()]

    def keys(self) -> dict[int, bytes]:
        """Master keys by version, newest first.

        `PENSTOCK_MASTER_KEY` is 64 hex digits, or `2:hex,1:hex` while rotating.
        Raises NotConfigured when missing, malformed or a placeholder.
        """
        raw = self.master_key.get_secret_value().strip()
        if raw.lower() in PLACEHOLDERS or set(raw) <= {"0"}:
            raise NotConfigured(
                "PENSTOCK_MASTER_KEY is missing or a placeholder", fix="set it to the output of: openssl rand -hex 32"
            )
        versions: dict[int, bytes] = {}
        for part in raw.split(","):
            number, _, value = part.strip().rpartition(":")
            try:
                key = bytes.fromhex(value)
                version = int(number or 1)
            except ValueError:
                raise NotConfigured("PENSTOCK_MASTER_KEY is not hexadecimal", fix="use: openssl rand -hex 32") from None
            if len(key) != 32:
                raise NotConfigured("PENSTOCK_MASTER_KEY must be 32 bytes", fix="use: openssl rand -hex 32")
            versions[version] = key
        return dict(sorted(versions.items(), reverse=True))


def default_home() -> Path:
    """Where the embedded database and the generated key live: the user's data directory, or /var/lib for root."""
    if given := os.environ.get("PENSTOCK_HOME"):
        return Path(given).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/penstock")  # an unprivileged server has to reach its data; root's home is closed to it
    return Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser() / "penstock"


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and the file named by PENSTOCK_SETTINGS (default `.env`); overrides win."""
    file = os.environ.get("PENSTOCK_SETTINGS", ".env")
    settings = Settings(_env_file=file if Path(file).is_file() else None, **overrides)
    if settings.town_url:
        _all_in_town(settings)
    return settings


def _all_in_town(settings: Settings) -> None:
    """Raises NotConfigured where something that is set leads out of the town."""
    outside = [
        f"PENSTOCK_VENDORS__{name.upper()}__{field.upper()}"
        for name, group in settings.vendors
        if isinstance(group, Vendor) and group.key.get_secret_value()
        for field, value in group
        if field.endswith("base_url") and value and not str(value).startswith(settings.town_url.rstrip("/") + "/")
    ]
    if settings.mail.smtp_host not in ("", "127.0.0.1", "localhost"):
        outside.append("PENSTOCK_MAIL__SMTP_HOST")
    if settings.probe.helo_name and not settings.net.smtp_to:
        outside.append("PENSTOCK_PROBE__HELO_NAME")
    if outside:
        raise NotConfigured(
            f"PENSTOCK_TOWN_URL says that a town stands in for everybody, but {', '.join(outside)} is elsewhere",
            fix="point them at the town, or unset PENSTOCK_TOWN_URL",
        )

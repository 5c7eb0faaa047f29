"""Calls in our own words: what we order, what a vendor reports, how a call ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Ending(StrEnum):
    """How a call ended, in the groups that decide what follows."""

    TALKED = "talked"
    NO_CONTACT = "no_contact"  # busy, not answered, voicemail: may be tried again
    BAD_NUMBER = "bad_number"
    OURS = "ours"  # we cancelled it or configured it wrongly
    START_REFUSED = "start_refused"  # the vendor would not start it: credits, limits
    VENDOR_FAULT = "vendor_fault"  # may be tried again
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One call to place. `reference` is our own id of the attempt, `phone_number_id` the vendor's. Numbers: E.164."""

    reference: str
    assistant_id: str
    phone_number_id: str
    customer_number: str
    customer_name: str
    first_message: str
    variables: Mapping[str, str]
    metadata: Mapping[str, str]
    server_url: str
    voicemail_message: str | None = None
    max_duration_s: int = 600
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class CallState:
    """A call as the vendor knows it. `cost_cents` is what it cost so far, rounded up to whole cents; a time that cannot
    be read is None."""

    call_id: str
    status: str
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ended_reason: str | None = None
    ending: Ending | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cost_cents: int = 0
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Something the assistant asks us to do while the person is on the line."""

    tool_call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """Our answer to a ToolCall: what the assistant should say. `failed` marks an error."""

    tool_call_id: str
    name: str
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """One webhook about a call. `dedupe_key` is the same for every copy of the same message."""

    kind: str
    call_id: str
    dedupe_key: str
    at: datetime | None = None
    status: str | None = None
    ended_reason: str | None = None
    ending: Ending | None = None
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    customer_number: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cost_cents: int = 0
    summary: str | None = None
    transcript: str | None = None
    recording_url: str | None = None
    structured: Mapping[str, Any] = field(default_factory=dict)
    tool_calls: tuple[ToolCall, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)

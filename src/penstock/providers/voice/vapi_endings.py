"""VAPI's 627 words for the end of a call as our seven: by exact word, then by prefix, else UNKNOWN."""

from penstock.providers.voice.calls import Ending

EXACT: dict[str, Ending] = {
    "customer-ended-call": Ending.TALKED,
    "assistant-ended-call": Ending.TALKED,
    "assistant-said-end-call-phrase": Ending.TALKED,
    "assistant-ended-call-with-hangup-task": Ending.TALKED,
    "assistant-ended-call-after-message-spoken": Ending.TALKED,
    "assistant-forwarded-call": Ending.TALKED,
    "exceeded-max-duration": Ending.TALKED,
    "silence-timed-out": Ending.TALKED,
    "call.in-progress.twilio-completed-call": Ending.TALKED,
    "call.in-progress.sip-completed-call": Ending.TALKED,
    "vonage-completed": Ending.TALKED,
    "customer-ended-call-during-transfer": Ending.TALKED,
    "customer-ended-call-before-warm-transfer": Ending.TALKED,
    "customer-ended-call-after-warm-transfer-attempt": Ending.TALKED,
    "customer-busy": Ending.NO_CONTACT,
    "customer-did-not-answer": Ending.NO_CONTACT,
    "voicemail": Ending.NO_CONTACT,
    "call.forwarding.no-answer": Ending.NO_CONTACT,
    "call.forwarding.operator-busy": Ending.NO_CONTACT,
    "twilio-reported-customer-misdialed": Ending.BAD_NUMBER,
    "twilio-failed-to-connect-call": Ending.BAD_NUMBER,
    "vonage-failed-to-connect-call": Ending.BAD_NUMBER,
    "vonage-rejected": Ending.BAD_NUMBER,
    "manually-canceled": Ending.OURS,
    "scheduled-call-deleted": Ending.OURS,
    "call-deleted": Ending.OURS,
    "assistant-not-found": Ending.OURS,
    "assistant-not-valid": Ending.OURS,
    "assistant-request-failed": Ending.OURS,
    "assistant-request-returned-no-assistant": Ending.OURS,
    "assistant-request-returned-invalid-assistant": Ending.OURS,
    "worker-shutdown": Ending.VENDOR_FAULT,
    "phone-call-provider-closed-websocket": Ending.VENDOR_FAULT,
}
PREFIXES: tuple[tuple[str, Ending], ...] = (
    ("call.start.error-", Ending.START_REFUSED),
    ("call.in-progress.error-vapifault-", Ending.VENDOR_FAULT),
    ("call.in-progress.error-providerfault-", Ending.VENDOR_FAULT),
    ("pipeline-error-", Ending.VENDOR_FAULT),
)


def ending_of(reason: str) -> Ending:
    """The group of VAPI's endedReason."""
    if (exact := EXACT.get(reason)) is not None:
        return exact
    return next((ending for prefix, ending in PREFIXES if reason.startswith(prefix)), Ending.UNKNOWN)

"""Outbound webhooks: tell a customer's system something, signed."""

from penstock.providers.webhook.standard import Target, build_request, deliver

__all__ = ["Target", "build_request", "deliver"]

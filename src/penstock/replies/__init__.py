"""Stage 8: what came back by mail, what it means, and what follows.

In: `app.webhook_receipts` of source `mail`, stored sealed before anything reads them. Out: an inbound `message_log`
row, a lead that
moved (replied, unsubscribed, bounced…), event `email_replied`. Always holds: a wish to be left alone takes effect with
the commit
that reads it, and every receipt ends processed or in the DLQ with its reason.
"""

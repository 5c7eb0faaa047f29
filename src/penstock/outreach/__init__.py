"""Stage 7: contactable leads enter a sequence and get its emails, one step at a time, in their working hours.

In: leads that `api.vw_campaign_ready_leads` shows. Out: enrollments, one `message_log` row per email, event
`email_sent`.
Always holds: no email leaves without a reserved, allowed attempt, and no step is ever sent twice, not even after a
crash.
"""

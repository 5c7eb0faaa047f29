-- What the database itself refuses or mends, room by room.

-- Billing: one open checkout page a customer.
alter table app.subscriptions add column stripe_checkout_id text;
select app.describe('subscriptions', 'What a customer has agreed to pay for, and how many leads of the trial are left.', $$
stripe_checkout_id: checkout page opened last; it is ended before another is opened
$$);

-- Bookings: a broker sees whether word of an appointment has gone out, and never what it said or to whom.
create index notifications_lead on app.notifications (org_id, lead_id) where lead_id is not null;
select app.visible_with_lead('notifications');
revoke select on app.notifications from authenticated;
grant select (org_id, id, kind, channel, dedupe_key, state, attempts, next_attempt_at, created_at, sent_at, lead_id) on app.notifications to authenticated;

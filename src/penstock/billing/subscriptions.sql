-- name: open
insert into app.subscriptions (org_id, broker_id, trial_leads_remaining, created_at, updated_at)
select b.org_id, b.id, cast(:trial_leads as int), app.now(), app.now() from app.brokers b where b.id = cast(:broker_id as uuid)
on conflict (org_id, broker_id) do nothing;

-- name: lock
-- Whoever gives a customer leads holds this row: two scans at once do not both see room in the trial.
select tier, status, trial_leads_remaining as trial_left, monthly_lead_cap as monthly_cap from app.subscriptions where broker_id = cast(:broker_id as uuid) for no key update;

-- name: month_leads
select cast(coalesce(sum(e.quantity), 0) as int) from app.usage_events e
 where e.broker_id = cast(:broker_id as uuid) and e.metric = 'leads_generated' and e.withdrawn_at is null
   and e.day >= (select date_trunc('month', app.now() at time zone o.timezone)::date from app.orgs o where o.id = cast(:org_id as int));

-- name: set_trial
update app.subscriptions set trial_leads_remaining = trial_leads_remaining + cast(:change as int), updated_at = app.now() where broker_id = cast(:broker_id as uuid);

-- name: listing
select broker_id, name, email, role, tier, status, trial_leads_remaining, monthly_lead_count, monthly_lead_cap, service_area, stripe_customer_id, stripe_subscription_id, stripe_subscription_item_id,
       period_start, period_end, cancels_at_period_end, created_at, updated_at
  from api.subscriptions where cast(:broker_id as uuid) is null or broker_id = cast(:broker_id as uuid) order by name, broker_id;

-- name: find_broker
select id from app.brokers where cast(id as text) = lower(:asked) or email = lower(:asked);

-- name: for_checkout
select b.id, b.name, b.email, b.company, s.tier, s.status, s.stripe_customer_id, s.stripe_subscription_id, s.stripe_checkout_id
  from app.brokers b left join app.subscriptions s on s.org_id = b.org_id and s.broker_id = b.id where b.id = cast(:broker_id as uuid);

-- name: set_customer
update app.subscriptions set stripe_customer_id = :customer, updated_at = app.now() where broker_id = cast(:broker_id as uuid) and stripe_customer_id is distinct from :customer;

-- name: set_checkout
-- The page that may be open now. No row where somebody else opened one since `seen` was read.
update app.subscriptions set stripe_checkout_id = :page, updated_at = app.now() where broker_id = cast(:broker_id as uuid) and stripe_checkout_id is not distinct from cast(:seen as text)
returning broker_id;

-- name: set_cap
update app.subscriptions set monthly_lead_cap = cast(:cap as int), updated_at = app.now() where broker_id = cast(:broker_id as uuid);

-- name: set_tier
-- By hand: for customers who pay in another way.
update app.subscriptions set tier = :tier, status = :status, updated_at = app.now() where broker_id = cast(:broker_id as uuid);

-- name: told
-- The payment service spoke of a customer: the subscription is to be read there again.
update app.subscriptions set news = news + 1, updated_at = app.now() where stripe_customer_id = :customer returning broker_id;

-- name: told_nightly
update app.subscriptions set news = news + 1 where stripe_customer_id is not null;

-- name: read_again
-- Until the second one is gone, what was read is not the last word.
update app.subscriptions set news = news + 1 where broker_id = cast(:broker_id as uuid);

-- name: note_second
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details)
select cast(:org_id as int), app.now(), 'billing', 'second subscription found', 'subscription', :id, cast(:details as jsonb)
 where not exists (select 1 from app.audit_logs a where a.object_type = 'subscription' and a.object_id = :id and a.action = 'second subscription found' and a.details ->> 'ended' = cast(:details as jsonb) ->> 'ended');

-- name: unread
select broker_id from app.usage_due where broker_id is not null order by since, broker_id limit cast(:limit as int);

-- name: to_read
select s.broker_id, s.stripe_customer_id as customer, s.stripe_subscription_id as subscription, s.news, s.tier, s.status from app.subscriptions s where s.broker_id = cast(:broker_id as uuid);

-- name: write_read
-- Only what was read after the latest that others have written: an older reading must not win.
update app.subscriptions
   set tier = :tier, status = :status, stripe_subscription_id = :subscription, stripe_subscription_item_id = :item, period_start = cast(:period_start as date), period_end = cast(:period_end as date),
       cancels_at_period_end = cast(:ends as boolean), news_read = cast(:seen as int), updated_at = app.now()
 where broker_id = cast(:broker_id as uuid) and news_read <= cast(:seen as int)
returning broker_id;

-- name: nothing_read
update app.subscriptions set news_read = cast(:seen as int) where broker_id = cast(:broker_id as uuid) and news_read <= cast(:seen as int);

-- name: store_receipt
-- No row for a second delivery of the same event.
insert into app.webhook_receipts (org_id, vendor, event_type, dedupe_key, payload_sealed, received_at)
values (cast(:org_id as int), 'stripe', :event_type, :dedupe_key, :payload, app.now())
on conflict (org_id, vendor, dedupe_key) do nothing
returning id;

-- name: note_signature
insert into app.signature_checks (org_id, at, route, ok, reason) values (cast(:org_id as int), app.now(), :route, :ok, :reason);

-- name: receipts_due
select receipt_id from app.usage_due where receipt_id is not null order by since, receipt_id limit cast(:limit as int);

-- name: audit
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details) values (cast(:org_id as int), app.now(), :actor, :action, 'subscription', :id, cast(:details as jsonb));

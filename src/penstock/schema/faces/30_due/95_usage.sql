-- A customer is one at the payment service from the first checkout on, and pays from the first subscription on.
create view app.usage_due with (security_invoker = true) as
select e.org_id, e.id as usage_id, null::bigint as receipt_id, null::uuid as broker_id, e.occurred_at as since
  from app.usage_events e
 where e.meter_state = 'due'
   and exists (select 1 from app.subscriptions s where s.org_id = e.org_id and s.broker_id = e.broker_id and s.stripe_customer_id is not null and s.stripe_subscription_id is not null)
   and not exists (select 1 from app.on_hold h where h.org_id = e.org_id and h.stage = 'billing.usage' and h.item = 'usage:' || e.id)
union all
select e.org_id, e.id, null, null, e.withdrawn_at
  from app.usage_events e
 where e.meter_state = 'sent' and e.withdrawn_at is not null
   and not exists (select 1 from app.on_hold h where h.org_id = e.org_id and h.stage = 'billing.usage' and h.item = 'usage:' || e.id)
union all
select r.org_id, null, r.id, null, r.received_at from app.webhook_receipts r
 where r.processed_at is null and r.vendor = 'stripe' and not exists (select 1 from app.on_hold h where h.org_id = r.org_id and h.stage = 'billing.usage' and h.item = 'receipt:' || r.id)
union all
select s.org_id, null, null, s.broker_id, s.updated_at from app.subscriptions s
 where s.news > s.news_read and s.stripe_customer_id is not null
   and not exists (select 1 from app.on_hold h where h.org_id = s.org_id and h.stage = 'billing.usage' and h.item = 'subscription:' || s.broker_id);
comment on view app.usage_due is 'What the payment service is to be told (usage, usage taken back), what it told us, and subscriptions to be read there again.';

-- What customers used, by day of the org and metric. Leads are charged and come from the ledger; messages and talk time are
-- facts of the engine's own logs, seen through the lead that a customer has been given.
create view api.billing_usage with (security_invoker = true) as
with facts as (
  select e.org_id, e.broker_id, e.day, e.metric, e.quantity, e.quantity * e.unit_cents as cents, e.in_trial, e.occurred_at as at
    from app.usage_events e where e.withdrawn_at is null and e.metric in ('leads_generated', 'api_calls')
  union all
  select m.org_id, l.assigned_broker_id, (m.sent_at at time zone o.timezone)::date, 'emails_sent', 1, 0, false, m.sent_at
    from app.message_log m join app.leads l on l.org_id = m.org_id and l.id = m.lead_id join app.orgs o on o.id = m.org_id
   where m.direction = 'outbound' and m.channel = 'email' and m.state in ('sent', 'in_doubt') and m.sent_at is not null and l.assigned_broker_id is not null
  union all
  select c.org_id, l.assigned_broker_id, (c.ended_at at time zone o.timezone)::date, 'voice_minutes', ceil(greatest(extract(epoch from c.ended_at - c.started_at), 0) / 60), 0, false, c.ended_at
    from app.calls c join app.leads l on l.org_id = c.org_id and l.id = c.lead_id join app.orgs o on o.id = c.org_id
   where c.state = 'ended' and c.started_at is not null and c.ended_at is not null and l.assigned_broker_id is not null
  union all
  select s.org_id, l.assigned_broker_id, (s.closed_at at time zone o.timezone)::date, 'sms_messages', 1, 0, false, s.closed_at
    from app.scheduled_sms s join app.leads l on l.org_id = s.org_id and l.id = s.lead_id join app.orgs o on o.id = s.org_id
   where s.status = 'sent' and s.closed_at is not null and l.assigned_broker_id is not null
)
select org_id, md5(concat_ws(' ', broker_id, day, metric))::uuid as id, broker_id, day, metric, cast(sum(quantity) as double precision) as quantity, cast(sum(cents) / 100 as double precision) as cost_usd,
       jsonb_build_object('items', count(*)) || case when metric = 'leads_generated' then jsonb_build_object('in_trial', cast(sum(quantity) filter (where in_trial) as double precision)) else '{}' end as details,
       min(at) as created_at, max(at) as updated_at
  from facts group by org_id, broker_id, day, metric;
comment on view api.billing_usage is 'What customers used, by day and metric, and what it costs them.';

create view api.subscriptions with (security_invoker = true) as
select b.org_id, b.id as broker_id, b.name, b.email, coalesce(s.role, 'user') as role, coalesce(s.tier, 'trial') as tier, coalesce(s.status, 'active') as status, coalesce(s.trial_leads_remaining, 25) as trial_leads_remaining,
       cast((select coalesce(sum(e.quantity), 0) from app.usage_events e where e.org_id = b.org_id and e.broker_id = b.id and e.metric = 'leads_generated' and e.withdrawn_at is null
               and e.day >= date_trunc('month', app.now() at time zone o.timezone)::date) as int) as monthly_lead_count,
       s.monthly_lead_cap, coalesce(s.service_area, '[]') as service_area, s.stripe_customer_id, s.stripe_subscription_id, s.stripe_subscription_item_id, s.period_start, s.period_end, coalesce(s.cancels_at_period_end, false) as cancels_at_period_end,
       s.created_at, s.updated_at
  from app.brokers b join app.orgs o on o.id = b.org_id
  left join app.subscriptions s on s.org_id = b.org_id and s.broker_id = b.id;
comment on view api.subscriptions is 'What each customer has agreed to pay for, and how far the trial and the month are.';
grant select on api.billing_usage, api.subscriptions to authenticated, service_role, pipeline_writer;

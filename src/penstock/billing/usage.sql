-- name: record
-- One line a lead, ever; the first ones out of the trial, in the order given. Gives a row for each new one.
insert into app.usage_events (org_id, broker_id, playbook, metric, quantity, unit_cents, in_trial, reference, lead_id, occurred_at, day, meter_state)
select f.org_id, cast(:broker_id as uuid), :playbook, 'leads_generated', 1, f.cents, f.in_trial, f.lead_id::text, f.lead_id, app.now(), (app.now() at time zone f.timezone)::date, case when f.cents > 0 then 'due' else 'free' end
  from (select o.id as org_id, o.timezone, n.lead_id, n.nth <= cast(:trial_left as int) as in_trial, case when n.nth <= cast(:trial_left as int) then 0 else cast(:unit_cents as int) end as cents
          from (select g.lead_id, row_number() over (order by min(g.place)) as nth
                  from unnest(cast(:lead_ids as uuid[])) with ordinality g (lead_id, place)
                 where (select e.id from app.usage_events e where e.org_id = cast(:org_id as int) and e.metric = 'leads_generated' and e.reference = g.lead_id::text limit 1) is null  -- by key, whatever the statistics say
                 group by g.lead_id) n
          cross join app.orgs o
         where o.id = cast(:org_id as int)) f
 order by f.lead_id
on conflict (org_id, metric, reference) do nothing
returning lead_id, in_trial, unit_cents;

-- name: broker_of_lead
select broker_id from app.usage_events where metric = 'leads_generated' and reference = cast(:lead_id as text);

-- name: of_lead
select e.id, e.broker_id, e.in_trial, e.meter_state, e.meter_sent_at, e.occurred_at, e.day, e.withdrawn_at from app.usage_events e
 where e.metric = 'leads_generated' and e.reference = cast(:lead_id as text) for no key update;

-- name: period_start
select period_start from app.subscriptions where broker_id = cast(:broker_id as uuid);

-- name: withdraw
-- What the payment service knows of is taken back there as well; the rest is simply never told.
update app.usage_events set withdrawn_at = app.now(), withdrawn_why = :why, meter_state = case when meter_state = 'sent' then 'sent' else 'withdrawn' end where id = cast(:id as bigint) and withdrawn_at is null;

-- name: merged
-- Leads that turned out to be another that is charged already.
select e.lead_id from app.usage_events e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
 where e.meter_state = 'due' and e.withdrawn_at is null and l.merged_into is not null
   and exists (select 1 from app.usage_events k where k.org_id = e.org_id and k.metric = e.metric and k.reference = l.merged_into::text and k.withdrawn_at is null)
 order by e.id limit cast(:limit as int);

-- name: claim
-- Locked for this transaction and marked; what another worker holds is skipped.
with picked as (
  select e.id, e.meter_tried_at as tried_before from app.usage_events e
   where e.id in (select d.usage_id from app.usage_due d where d.usage_id is not null) and (e.meter_state = 'due' or (e.meter_state = 'sent' and e.withdrawn_at is not null))
   order by e.id limit cast(:limit as int) for update skip locked
)
update app.usage_events e
   set meter_state = 'sending', worker_id = cast(:worker as uuid), meter_tried_at = case when e.withdrawn_at is null then coalesce(e.meter_tried_at, app.now()) else e.meter_tried_at end
  from picked p, app.subscriptions s
 where e.id = p.id and s.org_id = e.org_id and s.broker_id = e.broker_id
returning e.id, e.lead_id, e.quantity, e.occurred_at, e.withdrawn_at, e.meter_sent_at, p.tried_before, s.stripe_customer_id as customer;

-- name: settle
update app.usage_events e
   set meter_state = f.state, meter_error = f.error, worker_id = null, meter_tried_at = case when not f.untouched then e.meter_tried_at end, meter_sent_at = case when f.state = 'sent' and e.withdrawn_at is null then app.now() else e.meter_sent_at end
  from unnest(cast(:ids as bigint[]), cast(:states as text[]), cast(:errors as text[]), cast(:untouched as boolean[])) f (id, state, error, untouched)
 where e.id = f.id and e.meter_state = 'sending' and e.worker_id = cast(:worker as uuid)
returning e.id, e.lead_id, e.meter_state, e.withdrawn_at;

-- name: recover
-- Their sender is gone before it could say how it went, or never signed in (a command): they are told again, under the
-- same identifier, so that a sender that lives after all does no harm.
update app.usage_events e set meter_state = case when e.withdrawn_at is null then 'due' else 'sent' end, worker_id = null
 where e.meter_state = 'sending'
   and e.worker_id <> cast(:me as uuid)
   and (e.worker_id = any(cast(:dead as uuid[])) or not exists (select 1 from app.workers w where w.id = e.worker_id and w.stopped_at is null))
returning e.id;

-- name: retry
update app.usage_events set meter_state = 'due', meter_error = null where meter_state = 'refused' and withdrawn_at is null returning id;

-- name: told
-- What we told the payment service for each of its days (UTC), at least and at most: what is on the wire may count there or not.
select s.stripe_customer_id as customer, s.broker_id, b.name as broker, (e.occurred_at at time zone 'UTC')::date as day,
       coalesce(sum(e.quantity) filter (where e.meter_state = 'sent' and e.withdrawn_at is null), 0) as at_least,
       coalesce(sum(e.quantity) filter (where e.meter_state = 'sent' or e.meter_tried_at is not null and e.meter_state in ('due', 'sending', 'refused')), 0) as at_most
  from app.usage_events e join app.subscriptions s on s.org_id = e.org_id and s.broker_id = e.broker_id join app.brokers b on b.org_id = e.org_id and b.id = e.broker_id
 where s.stripe_customer_id is not null and e.occurred_at >= cast(:since as timestamptz) and e.occurred_at < cast(:until as timestamptz)
 group by 1, 2, 3, 4;

-- name: customers
select s.stripe_customer_id as customer, s.broker_id, b.name as broker from app.subscriptions s join app.brokers b on b.org_id = s.org_id and b.id = s.broker_id
 where s.stripe_customer_id is not null and s.stripe_subscription_id is not null order by s.broker_id;

-- name: days
select broker_id, day, metric, quantity, cost_usd, details, created_at, updated_at from api.billing_usage
 where (cast(:broker_id as uuid) is null or broker_id = cast(:broker_id as uuid)) and (cast(:metric as text) is null or metric = cast(:metric as text))
   and (cast(:since as date) is null or day >= cast(:since as date)) and (cast(:until as date) is null or day <= cast(:until as date))
 order by day desc, broker_id, metric limit cast(:limit as int);

-- name: month
select u.broker_id, b.name as broker, u.metric, sum(u.quantity) as quantity, sum(u.cost_usd) as cost_usd
  from api.billing_usage u join app.brokers b on b.org_id = u.org_id and b.id = u.broker_id
 where u.day >= cast(:first as date) and u.day < cast(:next as date) group by 1, 2, 3 order by 2, 1, 3;

-- name: states
select meter_state as state, count(*) as events from app.usage_events group by meter_state order by 1;

-- name: today
select (app.now() at time zone timezone)::date from app.orgs where id = cast(:org_id as int);

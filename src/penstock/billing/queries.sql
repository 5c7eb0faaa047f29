-- name: lock_lead
-- Two bookings of one lead at the same moment must not both find it unbilled.
select id from app.leads where id = cast(:lead_id as uuid) for no key update;

-- name: record_event
-- One charge per lead and event type, until it is credited. Gives no row if there is nothing to charge or nobody to pay.
insert into app.billing_events (org_id, lead_id, broker_id, playbook, event_type, kind, reference, occurred_at)
select l.org_id, l.id, coalesce(cast(:broker_id as uuid), l.assigned_broker_id), l.playbook, :event_type, 'charge', :reference, app.now()
  from app.leads l
 where l.org_id = cast(:org_id as int) and l.id = cast(:lead_id as uuid)
   and coalesce(cast(:broker_id as uuid), l.assigned_broker_id) is not null
   and not exists (
     select 1 from app.billing_events c
      where c.org_id = l.org_id and c.lead_id = l.id and c.event_type = :event_type and c.kind = 'charge'
        and not exists (select 1 from app.billing_events r
                         where r.org_id = c.org_id and r.event_type = c.event_type and r.reference = c.reference and r.kind = 'credit'))
on conflict (org_id, event_type, kind, reference) do nothing
returning id;

-- name: credit_event
-- Only what no invoice names yet can be taken back; `for update` waits for a run that is just invoicing it.
with charge as (
  select * from app.billing_events
   where event_type = :event_type and reference = :reference and kind = 'charge' and invoice_id is null
     for update
)
insert into app.billing_events (org_id, lead_id, broker_id, playbook, event_type, kind, reference, occurred_at)
select org_id, lead_id, broker_id, playbook, event_type, 'credit', reference, app.now() from charge
on conflict (org_id, event_type, kind, reference) do nothing
returning id;

-- name: org_timezone
select timezone from app.orgs where id = cast(:org_id as int);

-- name: one_run_at_a_time
select pg_advisory_xact_lock(hashtext('penstock.billing'), cast(:org_id as int));

-- name: open_events
select e.id, e.broker_id as broker, e.playbook, e.event_type, e.kind, e.reference, e.lead_id as lead,
       cast(date_trunc('month', coalesce(c.occurred_at, e.occurred_at) at time zone :zone) as date) as month
  from app.billing_events e
  left join app.billing_events c
    on e.kind = 'credit' and c.org_id = e.org_id and c.event_type = e.event_type and c.reference = e.reference and c.kind = 'charge'
 where e.invoice_id is null and e.occurred_at < cast(:until as timestamptz)
 order by e.occurred_at, e.id
   for update of e;

-- name: billed
select e.broker_id as broker, e.playbook, e.event_type,
       cast(date_trunc('month', e.occurred_at at time zone :zone) as date) as month, count(*) as billed
  from app.billing_events e
 where e.kind = 'charge' and e.invoice_id is not null
   and e.occurred_at >= cast(:since as timestamptz)
 group by 1, 2, 3, 4;

-- name: tiers
select playbook, event_type, from_count as first, unit_cents from app.price_tiers order by playbook, event_type, from_count;

-- name: open_invoice
-- The invoice of a broker for a period; a second run of the same day adds to it while it has not been sent.
insert into app.invoices (org_id, id, number, broker_id, period_start, period_end, created_at)
select cast(:org_id as int), n.id, to_char(cast(:period_start as date), 'YYYYMM') || '-' || lpad(n.id::text, 6, '0'),
       cast(:broker as uuid), cast(:period_start as date), cast(:period_end as date), app.now()
  from (select nextval(pg_get_serial_sequence('app.invoices', 'id')) as id) n
on conflict (org_id, broker_id, period_start, period_end) do update set status = invoices.status where invoices.status = 'issued'
returning id, (select coalesce(max(l.line), 0) from app.invoice_lines l where l.org_id = invoices.org_id and l.invoice_id = invoices.id) as lines;

-- name: add_line
insert into app.invoice_lines (org_id, invoice_id, line, event_id, event_type, kind, lead_id, position_in_month, unit_cents, amount_cents, description)
values (cast(:org_id as int), cast(:invoice_id as bigint), cast(:line as int), cast(:event_id as bigint), :event_type, :kind, cast(:lead_id as uuid),
        cast(:position as int), cast(:unit_cents as int), cast(:amount_cents as int), :description);

-- name: mark_billed
update app.billing_events set invoice_id = cast(:invoice_id as bigint) where id = any(cast(:event_ids as bigint[])) and invoice_id is null;

-- name: total
update app.invoices i
   set total_cents = (select sum(l.amount_cents) from app.invoice_lines l where l.org_id = i.org_id and l.invoice_id = i.id)
 where i.id = cast(:invoice_id as bigint)
returning total_cents;

-- name: reach_sales_stage
update app.leads set sales_stage = cast(:stage as app.sales_stage), status_reason = case when sales_stage = 'lost' then :reason else status_reason end
 where id = cast(:lead_id as uuid) and cast(sales_stage as text) = any(cast(:before as text[]));

-- name: visible_lead
select id, assigned_broker_id from app.leads where id = cast(:lead_id as uuid) and merged_into is null;

-- name: milestone
select id, event_type, occurred_at, invoice_id from app.billing_events where event_type = :event_type and reference = :reference and kind = 'charge';

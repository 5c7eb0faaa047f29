-- A call costs money as any purchase does: it is a row of the ledger before anybody dials.
alter table app.calls add column vendor_call_id bigint,
  add foreign key (org_id, vendor_call_id) references app.vendor_calls (org_id, id);
select app.describe('calls', 'Calls of the AI voice: the row stands before the call is placed.', $$
vendor_call_id: the reservation in the ledger, at the longest it may last, and later what it cost
$$);

-- Calls that are under way at the upgrade: five minutes at 15 cents, until they are over.
with owed as (
  insert into app.vendor_calls (org_id, vendor, operation, request_hash, window_start, status, price_cents, cost_cents, lead_id, contact_id, contact_point_id, playbook, worker_id, reserved_at, called_at)
  select c.org_id, 'vapi', 'call', 'call ' || c.id, cast(c.reserved_at as date), 'reserved', 75, 75, c.lead_id, c.contact_id, c.contact_point_id, l.playbook, c.worker_id, c.reserved_at, c.reserved_at
    from app.calls c join app.leads l on l.org_id = c.org_id and l.id = c.lead_id where c.state in ('reserved', 'placed', 'in_doubt')
  returning org_id, id, request_hash
)
update app.calls c set vendor_call_id = owed.id from owed where c.org_id = owed.org_id and owed.request_hash = 'call ' || c.id;

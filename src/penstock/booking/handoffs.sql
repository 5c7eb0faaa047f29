-- name: about
select contact_id, company_id, assigned_broker_id from app.leads where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid);

-- name: hand_off
-- No row where the cause made one already.
insert into app.handoffs (org_id, company_id, contact_id, lead_id, broker_id, cause, notes, created_at)
values (cast(:org_id as int), cast(:company_id as bigint), cast(:contact_id as bigint), cast(:lead_id as uuid), cast(:broker_id as uuid), :cause, :notes, app.now())
on conflict (org_id, cause) do nothing
returning id;

-- name: give_to
-- Whoever got the meeting after it was handed to nobody.
update app.handoffs set broker_id = cast(:broker_id as uuid) where org_id = cast(:org_id as int) and cause = :cause and broker_id is null
returning id, company_id;

-- name: company
select c.name, c.employees, c.city, c.state, r.next_renewal_date
  from app.companies c left join company.vw_next_renewal r on r.company_id = c.id
 where c.org_id = cast(:org_id as int) and c.id = cast(:company_id as bigint);

-- name: slots
select cast(s.role_code as text) as role_code, s.contact_id, c.full_name, c.title, cast(p.status as text) as colour
  from app.company_slots s
  left join app.contacts c on c.org_id = s.org_id and c.id = s.contact_id
  left join app.contact_points p on p.org_id = s.org_id and p.contact_id = s.contact_id and p.is_primary
 where s.org_id = cast(:org_id as int) and s.company_id = cast(:company_id as bigint)
 order by s.role_code;

-- name: signals
select reason, created_at from app.signals
 where org_id = cast(:org_id as int) and company_id = cast(:company_id as bigint) and created_at >= cast(:since as timestamptz)
 order by created_at desc, id desc limit 20;

-- name: listing
select h.id, h.lead_id, h.company_id, h.contact_id, h.broker_id, h.cause, h.created_at, coalesce(c.full_name, c.company) as person, co.name as company, b.name as broker
  from app.handoffs h
  left join app.contacts c on c.org_id = h.org_id and c.id = h.contact_id
  left join app.companies co on co.org_id = h.org_id and co.id = h.company_id
  left join app.brokers b on b.org_id = h.org_id and b.id = h.broker_id
 where (cast(:id as bigint) is null or h.id = cast(:id as bigint)) and (cast(:lead_id as uuid) is null or h.lead_id = cast(:lead_id as uuid))
   and (cast(:company_id as bigint) is null or h.company_id = cast(:company_id as bigint))
 order by h.created_at desc, h.id desc limit cast(:limit as int);

-- name: notes
select notes from app.handoffs where id = cast(:id as bigint);

-- name: looked
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id) values (cast(:org_id as int), app.now(), :actor, 'accessed', 'handoff', :id);

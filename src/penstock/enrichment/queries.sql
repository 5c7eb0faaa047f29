-- name: pass_contactable
-- Reachable already: a step for those still missing something is not for them. (The condition on l itself is what a
-- second pump, waiting for the row, looks at again; the view it does not.)
update app.leads l set waterfall_step = cast(:step as int) + 1
  from app.enrichment_due d
 where d.org_id = l.org_id and d.lead_id = l.id and l.org_id = cast(:org_id as int) and d.playbook = :playbook and d.waterfall_step = cast(:step as int)
   and l.waterfall_step = cast(:step as int) and l.scored_at is not null and api.status_for_score(l.quality_score) = 'contactable';

-- name: pass_unaskable
-- No street to ask about, or an owner that is no person: nobody to find, nothing to pay.
update app.leads l set waterfall_step = cast(:step as int) + 1, scored_at = null
  from app.enrichment_due d
  left join app.properties p on p.org_id = d.org_id and p.id = d.property_id
  left join app.contacts c on c.org_id = d.org_id and c.id = d.contact_id
 where d.org_id = l.org_id and d.lead_id = l.id and l.org_id = cast(:org_id as int) and d.playbook = :playbook and d.waterfall_step = cast(:step as int)
   and l.waterfall_step = cast(:step as int) and (p.address_line1 is null or coalesce(p.city, p.postal_code) is null or c.kind = 'company')
returning l.id, case when c.kind = 'company' then 'the owner is a company' else 'no full address' end as why;

-- name: pass_unfindable
-- Nobody to find an address for: reachable already, gone from there, no person, no name, or a company without a domain of its own.
-- Whose address is still to be checked waits for that, and whose company has no keys yet for those.
update app.leads l set waterfall_step = cast(:step as int) + 1, scored_at = null
  from app.enrichment_due d
  join app.contacts c on c.org_id = d.org_id and c.id = d.contact_id
  join app.leads dl on dl.org_id = d.org_id and dl.id = d.lead_id
  left join app.companies co on co.org_id = dl.org_id and co.id = dl.company_id
 cross join lateral (
       select case when exists (select 1 from app.contact_points p where p.org_id = c.org_id and p.contact_id = c.id and p.kind = 'email' and p.status in ('green', 'yellow') and not p.is_invalid and p.check_step = 0) then 'an address is known'
                   when c.kind = 'company' then 'no person' when c.left_company_at is not null then 'left the company' when coalesce(c.full_name, c.last_name, c.first_name) is null then 'no name'
                   when co.id is null or (co.domain is null and co.keys_at is not null) then 'no domain' end as why) w
 where d.org_id = l.org_id and d.lead_id = l.id and l.org_id = cast(:org_id as int) and d.playbook = :playbook and d.waterfall_step = cast(:step as int)
   and l.waterfall_step = cast(:step as int) and w.why is not null
returning l.id, w.why;

-- name: claim_people
-- The oldest people at a step who have no address that could be written to, and none that is being checked. Locked until the reservation is committed.
select l.id as lead_id, l.contact_id, l.property_id, coalesce(c.first_name, '') as first_name, coalesce(c.last_name, '') as last_name, coalesce(c.full_name, '') as full_name, co.domain
  from app.enrichment_due d
  join app.leads l on l.org_id = d.org_id and l.id = d.lead_id
  join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id and c.kind = 'person' and c.left_company_at is null
  join app.companies co on co.org_id = l.org_id and co.id = l.company_id and co.domain is not null
 where d.org_id = cast(:org_id as int) and d.playbook = :playbook and d.waterfall_step = cast(:step as int) and coalesce(c.full_name, c.last_name, c.first_name) is not null
   and not exists (select 1 from app.contact_points p where p.org_id = l.org_id and p.contact_id = l.contact_id and p.kind = 'email' and not p.is_invalid
                      and (p.status in ('green', 'yellow') or p.verified_at is null or p.check_step > 0))
   and not exists (select 1 from app.vendor_calls v where v.org_id = l.org_id and v.lead_id = l.id and v.status = 'reserved' and v.contact_point_id is null)
 order by d.first_seen_at, l.id
 limit cast(:limit as int)
   for update of l skip locked;

-- name: claim
-- The oldest leads at a step whose answer nobody is waiting for. Locked until the reservation is committed.
select l.id as lead_id, l.contact_id, l.property_id,
       coalesce(c.first_name, p.owner_first_name, '') as first_name, coalesce(c.last_name, p.owner_last_name, '') as last_name,
       p.address_line1 as line1, coalesce(p.address_line2, '') as unit, coalesce(p.city, '') as city, coalesce(p.state, '') as state, coalesce(p.postal_code, '') as postal_code,
       coalesce(p.addr_hash, '') as addr_hash
  from app.enrichment_due d
  join app.leads l on l.org_id = d.org_id and l.id = d.lead_id
  join app.properties p on p.org_id = l.org_id and p.id = l.property_id
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 where d.org_id = cast(:org_id as int) and d.playbook = :playbook and d.waterfall_step = cast(:step as int)
   and p.address_line1 is not null and coalesce(p.city, p.postal_code) is not null and c.kind is distinct from 'company'
   and not exists (select 1 from app.vendor_calls v where v.org_id = l.org_id and v.lead_id = l.id and v.status = 'reserved' and v.contact_point_id is null)
 order by d.first_seen_at, l.id
 limit cast(:limit as int)
   for update of l skip locked;

-- name: step_done
-- Only who moves the lead on writes its facts: a second worker with the same stored answer finds the step done.
update app.leads l set waterfall_step = cast(:step as int) + 1, facts_changed_at = app.now(), scored_at = null
 where l.org_id = cast(:org_id as int) and l.id = any(cast(:lead_ids as uuid[])) and l.waterfall_step = cast(:step as int) and l.merged_into is null
returning l.id;

-- name: make_contacts
-- A lead without an owner's name gets the person that the vendor found.
with made as (
  insert into app.contacts (org_id, owner_key, first_name, last_name, full_name, source, created_at)
  select cast(:org_id as int), 'lead:' || l.id, x.first_name, x.last_name, concat_ws(' ', x.first_name, x.last_name), :source, app.now()
    from jsonb_to_recordset(cast(:facts as jsonb)) as x(lead_id uuid, first_name text, last_name text)
    join app.leads l on l.org_id = cast(:org_id as int) and l.id = x.lead_id
   where l.contact_id is null
  on conflict (org_id, owner_key) do update set source = contacts.source
  returning id, owner_key
)
update app.leads l set contact_id = m.id from made m where l.org_id = cast(:org_id as int) and m.owner_key = 'lead:' || l.id and l.contact_id is null;

-- name: merge_points
-- A point that is known keeps what is known of it; a listing on a do-not-call registry is never forgotten.
insert into app.contact_points as p (org_id, contact_id, kind, value, source, vendor_call_id, score, line_type, dnc_listed, dnc_checked_at, added_at)
select cast(:org_id as int), s.contact_id, s.kind, s.value, :source, s.call_id, s.score, case when s.kind = 'phone' then coalesce(s.line_type, 'unknown') end,
       s.dnc, case when s.dnc is not null then app.now() end, app.now()
  from (select distinct on (l.contact_id, x.kind, x.value) l.contact_id, x.*
          from jsonb_to_recordset(cast(:points as jsonb)) as x(n int, lead_id uuid, call_id bigint, kind text, value text, score numeric, line_type text, dnc boolean)
          join app.leads l on l.org_id = cast(:org_id as int) and l.id = x.lead_id
         order by l.contact_id, x.kind, x.value, x.n) s
 order by s.n
on conflict (org_id, contact_id, kind, value) do update
   set score = greatest(p.score, excluded.score),
       line_type = case when coalesce(p.line_type, 'unknown') = 'unknown' then excluded.line_type else p.line_type end,
       dnc_listed = case when excluded.dnc_listed is null then p.dnc_listed else coalesce(p.dnc_listed, false) or excluded.dnc_listed end,
       dnc_checked_at = coalesce(excluded.dnc_checked_at, p.dnc_checked_at);

-- name: fill_properties
-- What the record says stays; a vendor only fills what is missing.
update app.properties p
   set owner_occupied = coalesce(p.owner_occupied, x.owner_occupied), property_value = coalesce(p.property_value, x.estimated_value), estimated_equity = coalesce(p.estimated_equity, x.estimated_equity),
       lat = coalesce(p.lat, x.latitude), lng = coalesce(p.lng, x.longitude)
  from jsonb_to_recordset(cast(:facts as jsonb)) as x(property_id bigint, owner_occupied boolean, estimated_value numeric, estimated_equity numeric, latitude double precision, longitude double precision)
 where p.org_id = cast(:org_id as int) and p.id = x.property_id
   and (p.owner_occupied, p.property_value, p.estimated_equity, p.lat, p.lng) is distinct from
       (coalesce(p.owner_occupied, x.owner_occupied), coalesce(p.property_value, x.estimated_value), coalesce(p.estimated_equity, x.estimated_equity), coalesce(p.lat, x.latitude), coalesce(p.lng, x.longitude));

-- name: set_maks
update app.properties p set mak = x.mak
  from (select distinct on (y.mak) y.* from jsonb_to_recordset(cast(:facts as jsonb)) as y(property_id bigint, mak text) where y.mak is not null order by y.mak, y.property_id) x
 where p.org_id = cast(:org_id as int) and p.id = x.property_id and p.mak is null and p.merged_into is null
   and not exists (select 1 from app.properties o where o.org_id = p.org_id and o.mak = x.mak and o.merged_into is null);

-- name: same_places
-- Rows that the MAK shows to be a place we have already. Different parcel numbers are different places all the same.
select distinct o.id as keep, p.id as gone
  from jsonb_to_recordset(cast(:facts as jsonb)) as x(property_id bigint, mak text)
  join app.properties p on p.org_id = cast(:org_id as int) and p.id = x.property_id and p.mak is null and p.merged_into is null
  join app.properties o on o.org_id = p.org_id and o.mak = x.mak and o.merged_into is null and o.id <> p.id
 where p.apn is null or o.apn is null
 order by keep, gone;

-- name: mark_people
update app.contacts c
   set is_litigator = c.is_litigator or x.litigator, is_deceased = c.is_deceased or x.deceased, age = coalesce(c.age, x.age)
  from jsonb_to_recordset(cast(:facts as jsonb)) as x(lead_id uuid, litigator boolean, deceased boolean, age int)
  join app.leads l on l.org_id = cast(:org_id as int) and l.id = x.lead_id
 where c.org_id = l.org_id and c.id = l.contact_id and (x.litigator or x.deceased or (c.age is null and x.age is not null));

-- name: suppress_litigators
insert into app.suppressions (org_id, kind, contact_id, reason, method, actor, created_at)
select distinct cast(:org_id as int), 'contact', l.contact_id, 'SUPP_LEGAL', 'file', :actor, app.now()
  from jsonb_to_recordset(cast(:facts as jsonb)) as x(lead_id uuid, litigator boolean)
  join app.leads l on l.org_id = cast(:org_id as int) and l.id = x.lead_id
 where x.litigator and l.contact_id is not null
on conflict do nothing;

-- name: finish
-- Every step is done, checked and scored: routing may now rule the lead out.
update app.leads l set waterfall_exhausted_at = app.now(), scored_at = null
  from app.enrichment_due d
 where d.org_id = l.org_id and d.lead_id = l.id and l.org_id = cast(:org_id as int) and d.playbook = :playbook and d.waterfall_step >= cast(:steps as int) and l.waterfall_exhausted_at is null
returning l.id, api.status_for_score(l.quality_score) = 'contactable' as contactable;

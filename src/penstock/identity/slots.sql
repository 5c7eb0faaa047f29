-- Who holds the slots of companies. A person holds one slot of a company at most.

-- name: by_the_engine
-- What changes a slot from here to the end of the transaction is not somebody's hand: see app.slot_by_hand.
select set_config('app.slots_by', 'engine', true);

-- name: slot
select set_config('app.slots_by', 'engine', true), s.id, s.contact_id, s.lead_id, (select o.role_code from app.company_slots o where o.company_id = s.company_id and o.contact_id = cast(:contact_id as bigint) and o.role_code <> s.role_code) as other_role
  from app.company_slots s
 where s.company_id = :company_id and s.role_code = cast(:role as company.role_code_t)
   for update of s;

-- name: set_slot
update app.company_slots set contact_id = cast(:contact_id as bigint) where company_id = :company_id and role_code = cast(:role as company.role_code_t);

-- name: drop_claims
drop table if exists slot_claims, slot_winners;

-- name: make_claims
-- One claim per person and company: the best rank, then CEO before CFO before HR, then the latest line.
create temp table slot_claims on commit drop as
select distinct on (p.company_id, t.contact_id) p.company_id, t.contact_id, cast(p.slot as company.role_code_t) as role, p.rank, p.n
  from people_in p join people_placed d on d.n = p.n join persons t on t.place = d.place
  join app.contacts c on c.id = t.contact_id
 where p.slot is not null and (c.left_company_at is null or c.company_id <> p.company_id)
 order by p.company_id, t.contact_id, p.rank, cast(p.slot as company.role_code_t), p.n desc;

-- name: analyze_claims
analyze slot_claims;

-- name: said_for_two
-- Lines that name a person for another slot than the one that counts.
select count(*) from people_in p join people_placed d on d.n = p.n join persons t on t.place = d.place
  join slot_claims k on k.company_id = p.company_id and k.contact_id = t.contact_id where p.slot is not null and cast(p.slot as company.role_code_t) <> k.role;

-- name: open_winners
create temp table slot_winners (company_id bigint not null, role company.role_code_t not null, contact_id bigint not null) on commit drop;

-- name: uncontested
-- A vacant slot that one person claims, or one whose holder is claimed again.
insert into slot_winners (company_id, role, contact_id)
select k.company_id, k.role, k.contact_id
  from (select company_id, role, min(contact_id) as contact_id from slot_claims group by company_id, role having count(*) = 1) k
  join app.company_slots s on s.company_id = k.company_id and s.role_code = k.role
 where s.contact_id is null or s.contact_id = k.contact_id;

-- name: analyze_winners
analyze slot_winners;

-- name: contested
-- All candidates for the other claimed slots: who claims it, and who holds it without claiming another one now.
with open_slots as (
  select distinct k.company_id, k.role from slot_claims k
   where not exists (select 1 from slot_winners w where w.company_id = k.company_id and w.role = k.role)
), candidates as (
  select k.company_id, k.role, k.contact_id, k.rank, k.n from slot_claims k join open_slots o on o.company_id = k.company_id and o.role = k.role
  union all
  select s.company_id, s.role_code, s.contact_id, null, null
    from open_slots o join app.company_slots s on s.company_id = o.company_id and s.role_code = o.role
   where s.contact_id is not null and not exists (select 1 from slot_claims k where k.company_id = s.company_id and k.contact_id = s.contact_id)
)
select c.company_id, cast(c.role as text) as role, c.contact_id, c.rank, c.n, p.title, cast(e.status as text) as email_status, s.contact_id is not distinct from c.contact_id as holds,
       p.full_name, p.profile_key, e.value as email
  from candidates c join app.contacts p on p.id = c.contact_id
  join app.company_slots s on s.company_id = c.company_id and s.role_code = c.role
  left join app.contact_points e on e.contact_id = c.contact_id and e.is_primary
 order by c.company_id, c.role, c.n nulls first;

-- name: leave_slots
-- A winner leaves the other slot that they hold there.
with gone as (
  select s.id, s.company_id, s.role_code, s.contact_id, s.lead_id
    from app.company_slots s join slot_winners w on w.company_id = s.company_id and w.contact_id = s.contact_id and w.role <> s.role_code
), left_empty as (
  update app.company_slots s set contact_id = null from gone g where s.id = g.id
)
insert into app.pipeline_events (org_id, at, lead_id, upload_id, event_type, stage, details)
select cast(:org_id as int), app.now(), g.lead_id, cast(:upload_id as uuid), 'slot_vacated', 'identity', jsonb_build_object('company_id', g.company_id, 'role', g.role_code, 'contact_id', g.contact_id, 'reason', 'moved')
  from gone g;

-- name: take_slots
-- Winners take their slots; whoever held one before is told in the diary.
with taken as (
  select s.id, s.company_id, s.role_code, s.contact_id as before, s.lead_id, w.contact_id
    from slot_winners w join app.company_slots s on s.company_id = w.company_id and s.role_code = w.role
   where s.contact_id is distinct from w.contact_id
), filled as (
  update app.company_slots s set contact_id = t.contact_id from taken t where s.id = t.id
  returning s.id
)
insert into app.pipeline_events (org_id, at, lead_id, upload_id, event_type, stage, details)
select cast(:org_id as int), app.now(), e.lead_id, cast(:upload_id as uuid), e.event_type, 'identity', e.details
  from taken t
 cross join lateral (values
   (1, 'slot_vacated', t.lead_id, jsonb_build_object('company_id', t.company_id, 'role', t.role_code, 'contact_id', t.before, 'reason', 'a better candidate'), t.before is not null),
   (2, 'slot_filled', null, jsonb_build_object('company_id', t.company_id, 'role', t.role_code, 'contact_id', t.contact_id, 'reason', 'named'), true)) e(n, event_type, lead_id, details, happened)
 where e.happened
 order by t.id, e.n;

-- name: count_filled
select count(*) from slot_winners w join app.company_slots s on s.company_id = w.company_id and s.role_code = w.role and s.contact_id is distinct from w.contact_id;

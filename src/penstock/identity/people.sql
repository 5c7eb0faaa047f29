-- People at companies, in sets. `people_in` holds them as they came (n counts them), `people_placed` who each is, `persons` one line
-- per person with what the lines say of them together. One transaction; the tables are made anew by each run.

-- name: one_at_a_time
select pg_advisory_xact_lock(hashtextextended('identity.companies', cast(:org_id as int)));

-- name: drop_people
drop table if exists people_in, people_placed, people_claimed, persons;

-- name: open_people
create temp table people_in (
  n int not null, row_number int, company_id bigint not null, full_name text not null, first_name text, last_name text, title text, slot text, rank int, name_key text not null,
  profile_key text, profile_url text, email text, email_is_shared boolean not null, phone text, phone_type text, source text not null
) on commit drop;

-- name: open_people_placed
create temp table people_placed (n int not null, place int not null, outcome text not null, first_n int not null) on commit drop;

-- name: open_people_claimed
create temp table people_claimed (place int not null, first_n int not null, is_new boolean not null, contact_id bigint, profile_key text) on commit drop;

-- name: analyze_people
analyze people_in;

-- name: known_people
-- Everybody who holds a key of the lines, with their keys: profile, those emails, and the companies at which they are known by name.
with addressed as (
  select e.contact_id, array_agg(distinct e.value) as emails
    from (select distinct email from people_in where email is not null and not email_is_shared) p join app.contact_points e on e.kind = 'email' and e.value = p.email
   group by e.contact_id
), places as (
  select distinct company_id from people_in
), held as (
  select c.id from people_in p join app.contacts c on c.profile_key = p.profile_key
  union
  select contact_id from addressed
  union
  select c.id from places p join app.contacts c on c.company_id = p.company_id
  union
  select s.contact_id from places p join app.company_slots s on s.company_id = p.company_id where s.contact_id is not null
), seated as (
  select s.contact_id, array_agg(s.company_id) as companies from held h join app.company_slots s on s.contact_id = h.id group by s.contact_id
)
select c.id, c.profile_key, c.full_name, a.emails, c.company_id, t.companies
  from held h join app.contacts c on c.id = h.id
  left join addressed a on a.contact_id = h.id
  left join seated t on t.contact_id = h.id
 where c.merged_into is null
 order by c.id;

-- name: people_keys
select n, profile_key, case when email_is_shared then null else email end as email, company_id, name_key from people_in order by n;

-- name: make_persons
-- `moves`: left where we knew them, and works somewhere else now.
create temp table persons on commit drop as
select c.place, c.is_new, coalesce(c.contact_id, nextval('people.contact_contact_id_seq')) as contact_id, c.profile_key as claimed_profile, f.*,
       exists (select 1 from app.contacts k where k.id = c.contact_id and k.left_company_at is not null and k.company_id <> f.company_id) as moves
  from people_claimed c
  join (select d.place as at_place, min(p.company_id) filter (where d.n = d.first_n) as company_id, min(p.source) filter (where d.n = d.first_n) as source,
               (array_agg(p.full_name order by p.n) filter (where p.full_name is not null))[1] as full_name,
               (array_agg(p.first_name order by p.n) filter (where p.first_name is not null))[1] as first_name,
               (array_agg(p.last_name order by p.n) filter (where p.last_name is not null))[1] as last_name,
               (array_agg(p.title order by p.n desc) filter (where p.title is not null))[1] as title,
               (array_agg(p.profile_url order by p.n desc) filter (where p.profile_url is not null))[1] as profile_url
          from people_placed d join people_in p on p.n = d.n group by d.place) f on f.at_place = c.place;

-- name: analyze_persons
analyze persons;

-- name: insert_people
insert into app.contacts (org_id, id, kind, first_name, last_name, full_name, title, profile_key, company_id, source, created_at, updated_at)
select cast(:org_id as int), contact_id, 'person', first_name, last_name, full_name, title, claimed_profile, company_id, source, app.now(), app.now()
  from persons where is_new order by contact_id;

-- name: update_people
-- What we lack is taken over; a title is renewed where the person works, an employer where there is none any more.
with renewed as (
  select c.id, coalesce(c.full_name, p.full_name) as full_name, case when c.full_name is null then p.first_name else coalesce(c.first_name, p.first_name) end as first_name,
         case when c.full_name is null then p.last_name else coalesce(c.last_name, p.last_name) end as last_name,
         coalesce(c.profile_key, p.claimed_profile) as profile_key, x.moves, case when x.moves then p.company_id else c.company_id end as company_id,
         case when x.moves or c.company_id = p.company_id then coalesce(p.title, c.title) else c.title end as title,
         case when x.moves or (cast(:seen_there as boolean) and c.company_id = p.company_id) then null else c.left_company_at end as left_company_at
    from persons p join app.contacts c on c.id = p.contact_id
   cross join lateral (select c.company_id is null or p.moves as moves) x
   where not p.is_new
)
update app.contacts c
   set full_name = r.full_name, first_name = r.first_name, last_name = r.last_name, profile_key = r.profile_key, company_id = r.company_id, title = r.title, left_company_at = r.left_company_at
  from renewed r
 where c.id = r.id and (c.full_name, c.first_name, c.last_name, c.profile_key, c.company_id, c.title, c.left_company_at)
       is distinct from (r.full_name, r.first_name, r.last_name, r.profile_key, r.company_id, r.title, r.left_company_at);

-- name: merge_people_points
-- The first email of a contact is the primary one. What a move has just retired (app.employer_left) stays in use where the new employer tells of it.
with told as (
  select distinct on (t.contact_id, v.kind, v.value) t.contact_id, v.kind, v.value, v.line_type, p.source, t.moves and p.company_id = t.company_id as at_the_new
    from people_in p join people_placed d on d.n = p.n join persons t on t.place = d.place
   cross join lateral (values ('email', p.email, null), ('phone', p.phone, coalesce(p.phone_type, 'unknown'))) v(kind, value, line_type)
   where v.value is not null
   order by t.contact_id, v.kind, v.value, at_the_new desc, p.n desc
), made as (
  insert into app.contact_points as c (org_id, contact_id, kind, value, source, line_type, is_primary, added_at)
  select cast(:org_id as int), t.contact_id, t.kind, t.value, t.source, t.line_type, t.kind = 'email' and t.number = 1 and p.contact_id is null, app.now()
    from (select told.*, row_number() over (partition by contact_id, kind order by value) as number from told) t
    left join app.contact_points p on p.contact_id = t.contact_id and p.is_primary
   order by t.contact_id, t.kind, t.value
  on conflict (org_id, contact_id, kind, value) do update set is_invalid = false, replaced_at = null
   where c.replaced_at = app.now() and exists (select 1 from told where told.at_the_new and (told.contact_id, told.kind, told.value) = (c.contact_id, c.kind, c.value))
  returning c.contact_id
)
update app.leads l set facts_changed_at = app.now() from (select distinct contact_id from made) m where l.contact_id = m.contact_id;

-- name: dead_primaries
-- Contacts of this run whose primary email is dead and who have another that is not.
update app.contact_points p set is_primary = false
 where p.is_primary and p.status = 'red' and p.contact_id in (select contact_id from persons)
   and exists (select 1 from app.contact_points o where o.contact_id = p.contact_id and o.kind = 'email' and o.status <> 'red' and not o.is_invalid);

-- name: new_primaries
update app.contact_points p set is_primary = true
  from (select distinct on (o.contact_id) o.contact_id, o.id
          from app.contact_points o join persons t on t.contact_id = o.contact_id
         where o.kind = 'email' and o.status <> 'red' and not o.is_invalid and not exists (select 1 from app.contact_points q where q.contact_id = o.contact_id and q.is_primary)
         order by o.contact_id, o.status, o.id desc) b
 where p.id = b.id;

-- name: watch_profiles
insert into app.pages (org_id, contact_id, url_type, url, created_at)
select cast(:org_id as int), contact_id, 'profile', profile_url, app.now() from persons where profile_url is not null order by contact_id
on conflict (org_id, contact_id, url_type) where contact_id is not null do nothing;

-- name: contacts_of_lines
select d.n, t.contact_id, d.outcome from people_placed d join persons t on t.place = d.place order by d.n;

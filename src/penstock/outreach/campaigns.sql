-- name: make
insert into app.campaigns (org_id, playbook, name, targets, allow_yellow, one_at_a_time, made_by, created_at)
values (cast(:org_id as int), :playbook, :name, cast(:targets as company.role_code_t[]), cast(:allow_yellow as boolean), cast(:one_at_a_time as boolean), :made_by, app.now())
on conflict (org_id, playbook, name) do nothing
returning id;

-- name: named
select id, allow_yellow, cast(targets as text[]) as targets from app.campaigns where org_id = cast(:org_id as int) and playbook = :playbook and name = :name;

-- name: forget
-- A campaign for which nobody was found.
delete from app.campaigns where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: org_zone
select timezone from app.orgs where id = cast(:org_id as int);

-- name: invite
-- Everybody in the audience, weighed: who has nothing against them joins the campaign (where there is one; without, it is a rehearsal), the others are counted by what holds them back. A person who
-- is in the audience through two companies joins once, through either. The timetable puts nobody back whom a hand took out.
with audience as materialized (
/* audience */
), weighed as materialized (
  select a.company_id, a.contact_id, a.role_code,
         case when l.id is null then 'no lead yet'
              when c.left_company_at is not null and c.company_id = a.company_id then 'left the company'
              when l.campaign_status in ('unsubscribed', 'do_not_contact') or c.is_deceased or c.is_litigator or exists (select 1 from app.suppressed_contacts s where s.org_id = l.org_id and s.contact_id = l.contact_id) then 'must not be contacted'
              when c.needs_review_since is not null then 'waits for a review'
              when l.campaign_status not in ('new', 'queued') then 'in outreach already'
              when b.status is null then 'no email'
              when b.status in ('red', 'gray') or (b.status = 'yellow' and not cast(:allow_yellow as boolean)) then 'email ' || b.status
              when cast(:lawful as text[]) is not null and lower(b.source) <> all(cast(:lawful as text[])) then 'source of the email not named'
              when l.lead_status not in ('contactable', 'enriched') then 'not scored yet'
              when cast(:by_timetable as boolean) and exists (select 1 from app.campaign_contacts m join app.campaigns k on k.org_id = m.org_id and k.id = m.campaign_id and coalesce(k.playbook, l.playbook) = l.playbook
                            where m.org_id = l.org_id and m.contact_id = l.contact_id and coalesce(m.company_id, l.company_id) = l.company_id and m.removed_at is not null)
                then 'taken out by hand'
              when exists (select 1 from app.campaign_contacts m join app.campaigns k on k.org_id = m.org_id and k.id = m.campaign_id and k.is_active
                            where m.org_id = l.org_id and m.contact_id = l.contact_id and m.removed_at is null and coalesce(m.company_id, l.company_id) = l.company_id and coalesce(k.playbook, l.playbook) = l.playbook)
                then 'in a campaign already' end as held_back
    from audience a
    join app.contacts c on c.org_id = cast(:org_id as int) and c.id = a.contact_id
    left join app.leads l on l.org_id = c.org_id and l.playbook = :playbook and l.company_id = a.company_id and l.contact_id = a.contact_id and l.merged_into is null
    left join app.contact_points b on b.org_id = c.org_id and b.contact_id = c.id and b.is_primary and not b.is_invalid
   where a.role_code = any(cast(:targets as company.role_code_t[]))
), joined as (
  insert into app.campaign_contacts (org_id, campaign_id, contact_id, company_id, created_at)
  select cast(:org_id as int), cast(:campaign_id as bigint), w.contact_id, case when count(*) = 1 then min(w.company_id) end, app.now()
    from weighed w where w.held_back is null and cast(:campaign_id as bigint) is not null group by w.contact_id order by w.contact_id
  on conflict (org_id, campaign_id, contact_id) do nothing
  returning contact_id
)
select cast(role_code as text) as role_code, held_back, count(distinct contact_id) as people,
       (select count(distinct w.contact_id) from weighed w where w.held_back is null) as all_people, (select count(distinct w.company_id) from weighed w where w.held_back is null) as all_companies
  from weighed group by role_code, held_back order by role_code, held_back;

-- name: listing
select k.id, k.name, k.playbook, k.is_active, cast(k.targets as text[]) as targets, k.allow_yellow, k.one_at_a_time, k.made_by, k.created_at,
       (select count(*) from app.campaign_contacts m where m.org_id = k.org_id and m.campaign_id = k.id and m.removed_at is null) as people, e.written_to, e.under_way, e.replied, e.booked
  from app.campaigns k
 cross join lateral (
       select count(*) as written_to, count(*) filter (where e.state in ('active', 'paused')) as under_way,
              count(*) filter (where l.last_reply_at is not null) as replied, count(*) filter (where l.campaign_status = 'converted') as booked
         from app.enrollments e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
        where e.org_id = k.org_id and e.campaign_id = k.id) e
 where cast(:id as bigint) is null or k.id = cast(:id as bigint)
 order by k.created_at desc, k.id desc;

-- name: members
-- Who is meant, and where each stands: how far the sequence is, or what the person waits for. Who will not be written to is told what holds them back, by the feeder's conditions.
with barred_emails as materialized (
  select o.value from app.suppressions o join app.campaigns k on k.org_id = o.org_id and k.id = cast(:id as bigint) where o.kind = 'email' and o.lifted_at is null and 'email' = any(o.channels)
)
select m.contact_id, c.full_name as person, c.title, co.name as company, cast(s.role_code as text) as role_code, l.id as lead_id, l.campaign_status, e.state, e.current_step, e.next_execution_at, e.stop_reason,
       case when e.id is not null then null
            when l.id is null then 'no lead yet'
            when c.left_company_at is not null and c.company_id = l.company_id then 'left the company'
            when l.campaign_status in ('unsubscribed', 'do_not_contact') or c.is_deceased or c.is_litigator then 'do not contact'
            when exists (select 1 from app.suppressed_contacts b where b.org_id = l.org_id and b.contact_id = l.contact_id) then 'suppressed'
            when l.campaign_status not in ('new', 'queued') or o.elsewhere then 'in outreach already'
            when cardinality(k.targets) > 0 and not coalesce(s.role_code = any(k.targets), false) then 'no slot of the campaign'
            when b.status is null then 'no email'
            when b.value in (select value from barred_emails) then 'suppressed'
            when b.status not in ('green', 'yellow') or (b.status = 'yellow' and not k.allow_yellow) then 'email ' || b.status
            when c.needs_review_since is not null then 'a review'
            when l.lead_status not in ('contactable', 'enriched') then 'not scored yet'
            when not k.is_active then 'campaign paused'
            when u.busy is not null then u.busy
            else 'the next morning' end as waits_for
  from app.campaign_contacts m
  join app.campaigns k on k.org_id = m.org_id and k.id = m.campaign_id
  join app.contacts c on c.org_id = m.org_id and c.id = m.contact_id
  left join lateral (
       select l.* from app.leads l where l.org_id = m.org_id and l.contact_id = m.contact_id and l.company_id is not null and l.company_id = coalesce(m.company_id, l.company_id)
          and l.playbook = coalesce(k.playbook, l.playbook) and l.merged_into is null
        order by l.added_to_campaign_at nulls last, l.first_seen_at, l.company_id limit 1) l on true
  left join app.companies co on co.org_id = m.org_id and co.id = coalesce(l.company_id, m.company_id)
  left join app.company_slots s on s.org_id = m.org_id and s.company_id = co.id and s.contact_id = m.contact_id
  left join app.enrollments e on e.org_id = m.org_id and e.campaign_id = m.campaign_id and e.lead_id = l.id
  left join app.contact_points b on b.org_id = c.org_id and b.contact_id = c.id and b.is_primary and not b.is_invalid
 cross join lateral (
       select exists (select 1 from app.leads o where o.org_id = c.org_id and o.contact_id = c.id and o.id <> l.id and o.merged_into is null
                         and o.campaign_status in ('active', 'replied', 'paused', 'converted')) as elsewhere) o
  left join lateral (
       select case when o.campaign_status in ('replied', 'paused') then 'a colleague answered' when o.campaign_status = 'converted' then 'a colleague booked' else 'a colleague is written to' end as busy
         from app.colleagues_under_way u join app.leads o on o.org_id = u.org_id and o.id = u.lead_id
        where u.org_id = l.org_id and u.company_id = l.company_id and u.lead_id <> l.id and (k.one_at_a_time or u.one_at_a_time)
          and (u.quiet_since is null or u.quiet_since > app.now() - cast(:time_to_answer as interval))
        order by busy limit 1) u on true
 where m.campaign_id = cast(:id as bigint) and m.removed_at is null
 order by co.name, array_position(coalesce(nullif(k.targets, '{}'), enum_range(null::company.role_code_t)), s.role_code), m.id limit cast(:limit as int);

-- name: switch
update app.campaigns set is_active = cast(:is_active as boolean) where org_id = cast(:org_id as int) and id = cast(:id as bigint) returning id;

-- name: add
-- People with a lead at a company; adding somebody twice adds them once.
insert into app.campaign_contacts (org_id, campaign_id, contact_id, created_at)
select cast(:org_id as int), k.id, c.id, app.now()
  from app.campaigns k cross join unnest(cast(:contact_ids as bigint[])) as a(id)
  join app.contacts c on c.org_id = k.org_id and c.id = a.id
 where k.org_id = cast(:org_id as int) and k.id = cast(:id as bigint)
   and exists (select 1 from app.leads l where l.org_id = c.org_id and l.contact_id = c.id and l.company_id is not null and l.playbook = coalesce(k.playbook, l.playbook) and l.merged_into is null)
on conflict (org_id, campaign_id, contact_id) do nothing
returning contact_id;

-- name: in_outreach
-- Of these people, those whose every lead that the campaign could mean is, or was, in a sequence.
select l.contact_id
  from app.campaigns k join app.leads l on l.org_id = k.org_id and l.company_id is not null and l.playbook = coalesce(k.playbook, l.playbook) and l.merged_into is null
 where k.id = cast(:id as bigint) and l.contact_id = any(cast(:contact_ids as bigint[]))
 group by l.contact_id having bool_and(l.campaign_status in ('active', 'replied', 'paused', 'converted')) order by l.contact_id;

-- name: known
select id from app.contacts where id = any(cast(:contact_ids as bigint[]));

-- name: remove
-- The row stays, so that the timetable does not put them back; a trigger ends their sequence and withdraws their tasks.
update app.campaign_contacts set removed_at = app.now()
 where org_id = cast(:org_id as int) and campaign_id = cast(:id as bigint) and contact_id = any(cast(:contact_ids as bigint[])) and removed_at is null returning contact_id;

-- name: enrolled
select e.id, l.contact_id from app.enrollments e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
 where e.org_id = cast(:org_id as int) and e.campaign_id = cast(:id as bigint) and l.contact_id = any(cast(:contact_ids as bigint[])) and e.state in ('active', 'paused') order by e.id;

-- name: readmit
update app.campaign_contacts set removed_at = null, created_at = app.now(), company_id = null
 where org_id = cast(:org_id as int) and campaign_id = cast(:id as bigint) and contact_id = any(cast(:contact_ids as bigint[])) and removed_at is not null returning contact_id;

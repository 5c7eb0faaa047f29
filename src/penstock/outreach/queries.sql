-- name: lock_feeder
-- One feeder at a time per org; the other waits, and then finds the day's work done.
select pg_advisory_xact_lock(hashtextextended('feed_campaigns:' || cast(:org_id as int), 0));

-- name: ensure_campaigns
insert into app.campaigns (org_id, playbook, name, created_at)
select cast(:org_id as int), c.playbook, c.name, app.now()
  from unnest(cast(:playbooks as text[]), cast(:names as text[])) as c(playbook, name)
on conflict (org_id, playbook, name) do nothing;

-- name: queue_ready
-- Contactable leads that no campaign has taken wait in line.
update app.leads set campaign_status = 'queued'
 where org_id = cast(:org_id as int) and campaign_status = 'new' and lead_status = 'contactable' and merged_into is null;

-- name: feed
-- Each active broker gets the best leads up to what is left of the daily cap: own leads first, then unassigned ones, dealt out in
-- turn. The rows are locked as they are chosen; what somebody else holds is left for tomorrow.
with writable as not materialized (
  -- Addresses that a check called alive, of people whom nothing forbids to write to.
  select p.org_id, p.contact_id, p.id as contact_point_id, p.score
    from app.contact_points p join app.contacts c on c.org_id = p.org_id and c.id = p.contact_id
   where p.kind = 'email' and p.verified and p.status <> 'red' and not p.is_invalid
     and not c.is_deceased and not c.is_litigator and c.needs_review_since is null
     and not exists (select 1 from app.suppressed_contacts s where s.org_id = p.org_id and s.contact_id = p.contact_id)
     and not exists (select 1 from app.suppressions s where s.org_id = p.org_id and s.kind = 'email' and s.value = p.value
                        and s.lifted_at is null and 'email' = any(s.channels))
), brokers as materialized (
  select b.id, b.daily_cap - (
           select count(*) from app.enrollments e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
            where e.org_id = b.org_id and l.assigned_broker_id = b.id and e.started_at >= cast(:day_starts as timestamptz)) as room
    from app.brokers b where b.org_id = cast(:org_id as int) and b.is_active
), campaigns as materialized (
  select c.id, c.playbook, v.personas
    from app.campaigns c
    join unnest(cast(:playbooks as text[]), cast(:names as text[]), cast(:personas as text[])) as v(playbook, name, personas)
      on v.playbook = c.playbook and v.name = c.name
   where c.org_id = cast(:org_id as int) and c.is_active
), ready as (
  -- A person is written to about one lead at a time: the best of theirs, and none while another is under way.
  select l.id, l.playbook, l.contact_id, l.property_id, l.assigned_broker_id, l.lead_score, l.quality_score
    from app.leads l
   where l.org_id = cast(:org_id as int) and l.campaign_status = 'queued' and l.lead_status = 'contactable' and l.merged_into is null
     and l.playbook in (select playbook from campaigns)
     and exists (select 1 from writable w where w.org_id = l.org_id and w.contact_id = l.contact_id)
     and not exists (
       select 1 from app.leads o where o.org_id = l.org_id and o.contact_id = l.contact_id and o.id <> l.id and o.merged_into is null
          and (o.campaign_status in ('active', 'replied', 'paused', 'converted')
               or (o.campaign_status = 'queued' and o.lead_status = 'contactable' and o.playbook in (select playbook from campaigns)
                   and (o.assigned_broker_id is null or o.assigned_broker_id in (select id from brokers))
                   and row(-o.lead_score, -o.quality_score, coalesce(o.property_id, 0), o.id)
                     < row(-l.lead_score, -l.quality_score, coalesce(l.property_id, 0), l.id))))
), own as (
  select r.id, b.id as broker_id
    from brokers b
    cross join lateral (
      select r.id from ready r where r.assigned_broker_id = b.id and b.room > 0
       order by r.lead_score desc, r.quality_score desc, r.property_id, r.id limit greatest(b.room, 0)) r
), free as (
  select b.id as broker_id, seat, row_number() over (order by seat, b.id) as place
    from (select b.id, b.room - (select count(*) from own where own.broker_id = b.id) as room from brokers b) b
    cross join lateral generate_series(1, b.room) seat
), dealt as (
  select r.id, f.broker_id
    from (select r.id, row_number() over (order by r.lead_score desc, r.quality_score desc, r.property_id, r.id) as place
            from ready r where r.assigned_broker_id is null
           order by r.lead_score desc, r.quality_score desc, r.property_id, r.id limit (select count(*) from free)) r
    join free f on f.place = r.place
), chosen as (
  select c.id, c.broker_id from (select * from own union all select * from dealt) c
), locked as (
  select l.id, c.broker_id, k.id as campaign_id,
         (string_to_array(k.personas, '|'))[1 + ('x' || substr(md5(coalesce(l.property_id::text, l.id::text)), 1, 7))::bit(28)::int
                                                % cardinality(string_to_array(k.personas, '|'))] as persona,
         (select w.contact_point_id from writable w where w.org_id = l.org_id and w.contact_id = l.contact_id
           order by w.score desc nulls last, w.contact_point_id limit 1) as contact_point_id
    from app.leads l join chosen c on c.id = l.id join campaigns k on k.playbook = l.playbook
   where l.org_id = cast(:org_id as int) and l.campaign_status = 'queued' and l.lead_status = 'contactable' and l.merged_into is null
     for update of l skip locked
), started as (
  update app.leads l
     set campaign_status = 'active', added_to_campaign_at = app.now(), assigned_broker_id = k.broker_id, assigned_persona = k.persona, status_reason = 'fed'
    from locked k where l.org_id = cast(:org_id as int) and l.id = k.id
  returning l.id
)
insert into app.enrollments as e (org_id, campaign_id, lead_id, contact_point_id, persona, next_execution_at, started_at)
select cast(:org_id as int), k.campaign_id, k.id, k.contact_point_id, k.persona, app.now(), app.now()
  from locked k join started s on s.id = k.id
on conflict (org_id, campaign_id, lead_id) do update
   set state = 'active', next_execution_at = excluded.next_execution_at, started_at = excluded.started_at, ended_at = null, stop_reason = null,
       contact_point_id = excluded.contact_point_id
returning e.lead_id, e.persona, e.campaign_id;

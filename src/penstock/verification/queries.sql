-- name: code_map
select code, is_verified, cast(status as text) as status, line_type from app.verification_code_map where provider = :provider and channel = :channel;

-- name: claim_unchecked
-- The oldest unchecked points that nobody is checking now, each with the lead it is paid for. Locked until the reservation is committed.
select p.id as contact_point_id, p.contact_id, p.kind, p.value, p.source, p.verified, cast(p.status as text) as status, p.check_step, p.gray_rounds, d.lead_id
  from app.unchecked_points d
  join app.contact_points p on p.org_id = d.org_id and p.id = d.contact_point_id
 where d.org_id = cast(:org_id as int) and d.kind = :kind and d.playbook = :playbook
   and not exists (select 1 from app.vendor_calls v where v.org_id = d.org_id and v.contact_point_id = d.contact_point_id and v.status = 'reserved')
 order by d.added_at, d.contact_point_id
 limit cast(:limit as int)
   for update of p skip locked;

-- name: claim_again
-- The same of those whose next check has come, the longest due first.
select p.id as contact_point_id, p.contact_id, p.kind, p.value, p.source, p.verified, cast(p.status as text) as status, p.check_step, p.gray_rounds, d.lead_id
  from app.rechecks_due d
  join app.contact_points p on p.org_id = d.org_id and p.id = d.contact_point_id
 where d.org_id = cast(:org_id as int) and d.kind = :kind and d.playbook = :playbook and d.check_step = any(cast(:steps as int[]))
   and not exists (select 1 from app.vendor_calls v where v.org_id = d.org_id and v.contact_point_id = d.contact_point_id and v.status = 'reserved')
 order by d.check_due_at, d.contact_point_id
 limit cast(:limit as int)
   for update of p skip locked;

-- name: claim_unled
-- And those of people who are nobody's lead; who is at no company of a playbook belongs to the only one about companies.
select p.id as contact_point_id, p.contact_id, p.kind, p.value, p.source, p.verified, cast(p.status as text) as status, p.check_step, p.gray_rounds, cast(null as uuid) as lead_id
  from app.unled_points d
  join app.contact_points p on p.org_id = d.org_id and p.id = d.contact_point_id
 where d.org_id = cast(:org_id as int) and d.kind = :kind and coalesce(d.playbook, cast(:only as text)) = :playbook and d.check_step = any(cast(:steps as int[]))
   and not exists (select 1 from app.vendor_calls v where v.org_id = d.org_id and v.contact_point_id = d.contact_point_id and v.status = 'reserved')
 order by d.check_due_at nulls first, d.added_at, d.contact_point_id
 limit cast(:limit as int)
   for update of p skip locked;

-- name: leave_idle
-- Points of nobody who is worked with do not stand at the head of the queue: they are looked at again in a month.
update app.contact_points p set check_due_at = app.now() + interval '30 days'
  from (select i.id from app.contact_points i
         where i.org_id = cast(:org_id as int) and i.check_due_at is not null and i.check_due_at <= app.now()
           and not exists (select 1 from app.leads l where l.org_id = i.org_id and l.contact_id = i.contact_id and l.merged_into is null and l.campaign_status in ('new', 'queued', 'active', 'replied', 'paused'))
           and not (i.is_primary and exists (select 1 from app.unled_people u where u.org_id = i.org_id and u.contact_id = i.contact_id))
         order by i.check_due_at, i.id limit 10000 for update skip locked) idle
 where p.org_id = cast(:org_id as int) and p.id = idle.id;

-- name: left_behind
-- Points in the middle of a round whose next check nobody can make any more: what the checks before it said stands.
select p.id as contact_point_id, cast(p.status as text) as status, p.check_step, p.gray_rounds
  from (select org_id, contact_point_id, kind, check_step, playbook from app.rechecks_due
        union all select org_id, contact_point_id, kind, check_step, coalesce(playbook, cast(:only as text)) from app.unled_points where check_step > 0) d
  join app.contact_points p on p.org_id = d.org_id and p.id = d.contact_point_id
 where d.org_id = cast(:org_id as int) and d.kind = :kind and d.playbook = :playbook and d.check_step > 0 and d.check_step <> all(cast(:steps as int[]))
 limit 1000 for update of p skip locked;

-- name: end_round
update app.contact_points p set check_step = 0, check_due_at = x.due_at, gray_rounds = x.gray_rounds
  from jsonb_to_recordset(cast(:plans as jsonb)) as x(point_id bigint, due_at timestamptz, gray_rounds int)
 where p.org_id = cast(:org_id as int) and p.id = x.point_id;

-- name: mark_invalid
-- A value that no longer opens under any key cannot be checked or used.
update app.contact_points set is_invalid = true where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and not is_invalid;

-- name: record
-- Only the first to write a check counts it; a listing on a do-not-call registry is never forgotten.
update app.contact_points p
   set verified = x.verified, status = cast(x.status as people.email_status_t), codes = case when p.check_step = 0 then x.codes else p.codes || x.codes end, verified_at = app.now(), source_url = null,
       check_step = x.next_step, check_due_at = x.due_at, gray_rounds = x.gray_rounds,
       line_type = case when p.kind = 'phone' then coalesce(x.line_type, p.line_type, 'unknown') end,
       line_type_checked_at = case when p.kind = 'phone' and x.line_type is not null then app.now() else p.line_type_checked_at end,
       dnc_listed = case when x.dnc is null then p.dnc_listed else coalesce(p.dnc_listed, false) or x.dnc end,
       dnc_checked_at = case when x.dnc is null then p.dnc_checked_at else app.now() end
  from jsonb_to_recordset(cast(:checks as jsonb)) as x(point_id bigint, step int, verified boolean, status text, codes text[], line_type text, dnc boolean, next_step int, due_at timestamptz, gray_rounds int)
 where p.org_id = cast(:org_id as int) and p.id = x.point_id and p.check_step = x.step and (p.verified_at is null or p.check_due_at <= app.now())
returning p.id, p.contact_id, p.kind, p.verified, cast(p.status as text) as status;

-- name: show_living
select people.show_living_email(cast(:contact_ids as bigint[]));

-- name: touch_leads
-- A score that looked at the old facts is out of date.
update app.leads l set facts_changed_at = app.now(), scored_at = null
 where l.org_id = cast(:org_id as int) and l.contact_id = any(cast(:contact_ids as bigint[])) and l.merged_into is null
returning l.id, l.contact_id;

-- name: suppress_litigators
with people as (
  update app.contacts set is_litigator = true
   where org_id = cast(:org_id as int) and id = any(cast(:contact_ids as bigint[]))
  returning id
)
insert into app.suppressions (org_id, kind, contact_id, value, reason, method, actor, created_at)
select cast(:org_id as int), 'contact', id, null, 'SUPP_LEGAL', 'file', :actor, app.now() from people
union all
select distinct cast(:org_id as int), 'phone', cast(null as bigint), v.value, 'SUPP_LEGAL', 'file', :actor, app.now() from unnest(cast(:phones as text[])) as v(value)
on conflict do nothing;

-- name: seal_plain_points
-- With what each was written over. The person is held: who writes another address now waits, and then sees what became of this one.
select p.id, p.contact_id, p.kind, p.value, (select count(distinct o) from unnest(p.written_over) o) as steps,
       array(select w.value from app.contact_points w where w.org_id = p.org_id and w.id = any(p.written_over)) as written_over
  from app.contact_points p
  join app.contacts c on c.org_id = p.org_id and c.id = p.contact_id
 where p.value !~ '^s[0-9]+\.'
 order by p.id
 limit 1000
   for no key update of c, p skip locked;

-- name: seal_twin
-- The same value, sealed, as the same person has it.
select keep.id from app.contact_points p join app.contact_points keep on keep.org_id = p.org_id and keep.contact_id = p.contact_id and keep.kind = p.kind
 where p.id = cast(:id as bigint) and keep.value = any(cast(:values as text[])) order by keep.value = :value desc limit 1;

-- name: seal_follow
-- What points to the plain one points to its twin: other texts written over it, and sequences.
update app.contact_points o set written_over = array_replace(o.written_over, cast(:id as bigint), cast(:keep_id as bigint))
  from app.contact_points p where p.id = cast(:id as bigint) and o.org_id = p.org_id and o.contact_id = p.contact_id and cast(:id as bigint) = any(o.written_over);

-- name: seal_follow_sequences
update app.enrollments set contact_point_id = cast(:keep_id as bigint) where contact_point_id = cast(:id as bigint);

-- name: seal_unite_with_twin
-- The twin takes over what the plain one knew, and its place. The same address written again is as it was; one that came back from another is
-- gray until it is checked; what somebody said of it since it was written counts before either.
with plain as (
  delete from app.contact_points p where p.id = cast(:id as bigint)
  returning p.id, p.kind, p.is_primary, p.replaced_at, p.score, p.verified, p.verified_at, p.status, p.source_url, p.check_step, p.check_due_at, p.gray_rounds
), twin as (
  select k.org_id, k.id, d.kind, d.is_primary, d.replaced_at, d.score, d.verified, d.verified_at, d.status, d.source_url, d.check_step, d.check_due_at, d.gray_rounds,
         case when d.kind = 'phone' or not d.is_primary then 'better' when d.verified_at is not null or d.status <> 'gray' then 'told' when cast(:rewritten as boolean) then 'kept' else 'gray' end as what
    from plain d join app.contact_points k on k.id = cast(:keep_id as bigint)
)
update app.contact_points k
   set is_primary = k.is_primary or t.is_primary, score = case when t.what = 'gray' then t.score else greatest(k.score, t.score) end,
       is_invalid = case when t.replaced_at is null then cast(:invalid as boolean) else k.is_invalid end, replaced_at = case when t.replaced_at is not null then k.replaced_at end,
       verified = case t.what when 'better' then k.verified or t.verified when 'kept' then k.verified else t.verified end,
       verified_at = case t.what when 'better' then coalesce(k.verified_at, t.verified_at) when 'kept' then k.verified_at else t.verified_at end,
       status = case when t.what in ('told', 'gray') then t.status else k.status end, source_url = case when t.what in ('told', 'gray') then t.source_url else k.source_url end,
       check_step = case when t.what in ('told', 'gray') then t.check_step else k.check_step end, check_due_at = case when t.what in ('told', 'gray') then t.check_due_at else k.check_due_at end,
       gray_rounds = case when t.what in ('told', 'gray') then t.gray_rounds else k.gray_rounds end
  from twin t where k.org_id = t.org_id and k.id = t.id;

-- name: seal_point
update app.contact_points set value = :value, is_invalid = is_invalid or cast(:invalid as boolean), written_over = '{}'
 where id = cast(:id as bigint);

-- name: lock
-- Workers take their turn: two of them must not take the same place.
select pg_advisory_xact_lock(cast(:org_id as int), hashtext('penstock.imagery'));

-- name: pass_below
-- Leads that promise less than the playbook buys pictures for; weighed again when they promise more.
with below as (
  select d.property_id, d.lead_score from app.imagery_due d
   where d.org_id = cast(:org_id as int) and d.playbook = :playbook and d.lead_score < cast(:look_from as int)
   limit 1000
)
insert into app.roof_looks (org_id, property_id, playbook, outcome, reason, lead_score, lat, lng, looked_at, due_at)
select p.org_id, p.id, :playbook, 'below', 'the lead promises less than ' || cast(:look_from as int), max(b.lead_score), p.lat, p.lng, app.now(), app.now() + interval '90 days'
  from below b join app.properties p on p.org_id = cast(:org_id as int) and p.id = b.property_id
 group by p.org_id, p.id, p.lat, p.lng
on conflict (org_id, property_id, playbook) do update
   set outcome = excluded.outcome, reason = excluded.reason, lead_score = excluded.lead_score, lat = excluded.lat, lng = excluded.lng, looked_at = excluded.looked_at, due_at = excluded.due_at;

-- name: forget_stand_ins
-- Looks that a stand-in did are due: they have a picture, and none that is live. A vendor's look without a live one has failed.
update app.roof_looks k set due_at = app.now()
 where k.org_id = cast(:org_id as int) and k.playbook = :playbook and k.outcome in ('assessed', 'pictured') and k.due_at > app.now()
   and exists (select 1 from app.roof_images i where i.org_id = k.org_id and i.property_id = k.property_id and i.status = 'synthetic')
   and not exists (select 1 from app.roof_images i where i.org_id = k.org_id and i.property_id = k.property_id and i.status = 'live');

-- name: next_due
-- The place whose lead promises most.
select d.property_id from app.imagery_due d
 where d.org_id = cast(:org_id as int) and d.playbook = :playbook and d.lead_score >= cast(:look_from as int)
 order by d.lead_score desc, d.first_seen_at, d.lead_id
 limit 1;

-- name: lease
-- The place with its lead, held by this worker; nothing where another holds it.
with held as (
  insert into app.roof_looks as k (org_id, property_id, playbook, leased_until, worker_id)
  values (cast(:org_id as int), cast(:property_id as bigint), :playbook, app.now() + interval '30 minutes', cast(:worker_id as uuid))
  on conflict (org_id, property_id, playbook) do update
     set leased_until = excluded.leased_until, worker_id = excluded.worker_id
   where k.leased_until is null or k.leased_until <= app.now()
  returning k.org_id, k.property_id, k.outcome, k.reason, k.leased_until
)
select p.id as property_id, p.lat, p.lng, h.leased_until, h.outcome as last_outcome, h.reason as last_reason, l.id as lead_id, l.lead_score
  from held h
  join app.properties p on p.org_id = h.org_id and p.id = h.property_id
  left join lateral (select x.id, x.lead_score from app.leads x where x.org_id = p.org_id and x.property_id = p.id and x.playbook = :playbook and x.merged_into is null order by x.lead_score desc, x.id limit 1) l on true;

-- name: give_back
-- Only this very lease: one that ran out may be somebody else's by now.
update app.roof_looks set leased_until = null, worker_id = null
 where org_id = cast(:org_id as int) and property_id = cast(:property_id as bigint) and playbook = :playbook
   and worker_id = cast(:worker_id as uuid) and leased_until = cast(:leased_until as timestamptz);

-- name: give_back_of_dead
update app.roof_looks set leased_until = null, worker_id = null
 where org_id = cast(:org_id as int) and leased_until is not null and worker_id = any(cast(:dead as uuid[]));

-- name: finish
update app.roof_looks
   set outcome = :outcome, reason = cast(:reason as text), lead_score = cast(:lead_score as int), lat = cast(:lat as double precision), lng = cast(:lng as double precision),
       looked_at = app.now(), due_at = app.now() + make_interval(secs => cast(:again_in_s as double precision)), leased_until = null, worker_id = null
 where org_id = cast(:org_id as int) and property_id = cast(:property_id as bigint) and playbook = :playbook
   and worker_id = cast(:worker_id as uuid) and leased_until = cast(:leased_until as timestamptz);

-- name: usable_image
-- A picture of this very place that is not too old, of the first source that has one.
select i.id as image_id, i.source, i.content, i.media_type, i.content_sha256
  from app.roof_images i
  join unnest(cast(:sources as text[]), cast(:fresh_days as int[])) with ordinality as s(source, fresh_days, n) on s.source = i.source
 where i.org_id = cast(:org_id as int) and i.property_id = cast(:property_id as bigint) and i.status = :status
   and i.lat = cast(:lat as double precision) and i.lng = cast(:lng as double precision) and i.fetched_at > app.now() - make_interval(days => s.fresh_days)
 order by s.n
 limit 1;

-- name: forget_words_about
-- What was said of a picture that is replaced by another is said of nothing any more.
delete from app.roof_assessments a using app.roof_images i
 where i.org_id = cast(:org_id as int) and i.property_id = cast(:property_id as bigint) and i.source = :source and i.content_sha256 <> :sha256 and not (i.status = 'live' and cast(:status as text) <> 'live')
   and a.org_id = i.org_id and a.image_id = i.id;

-- name: keep_image
-- A stand-in's picture never takes the place of a live one.
insert into app.roof_images as i (org_id, property_id, source, status, license, taken_on, media_type, content, content_sha256, meters_per_pixel, lat, lng, vendor_call_id, fetched_at)
values (cast(:org_id as int), cast(:property_id as bigint), :source, :status, :license, cast(:taken_on as date), :media_type, :content, :sha256, cast(:meters_per_pixel as double precision),
        cast(:lat as double precision), cast(:lng as double precision), cast(:call_id as bigint), app.now())
on conflict (org_id, property_id, source) do update
   set status = excluded.status, license = excluded.license, taken_on = excluded.taken_on, media_type = excluded.media_type, content = excluded.content, content_sha256 = excluded.content_sha256,
       meters_per_pixel = excluded.meters_per_pixel, lat = excluded.lat, lng = excluded.lng, reason = null, vendor_call_id = excluded.vendor_call_id, fetched_at = excluded.fetched_at
 where not (i.status = 'live' and excluded.status <> 'live')
returning i.id;

-- name: keep_no_image
-- Why there is none. A picture that is there stays.
insert into app.roof_images as i (org_id, property_id, source, status, reason, lat, lng, vendor_call_id, fetched_at)
values (cast(:org_id as int), cast(:property_id as bigint), :source, 'failed', :reason, cast(:lat as double precision), cast(:lng as double precision), cast(:call_id as bigint), app.now())
on conflict (org_id, property_id, source) do update
   set reason = excluded.reason, lat = excluded.lat, lng = excluded.lng, vendor_call_id = excluded.vendor_call_id, fetched_at = excluded.fetched_at
 where i.status = 'failed';

-- name: seen_by
select vendor from app.roof_assessments
 where org_id = cast(:org_id as int) and image_id = cast(:image_id as bigint) and status = :status and (vendor, model) in (select * from unnest(cast(:vendors as text[]), cast(:models as text[])));

-- name: keep_view
-- What a model saw, or why it said nothing. A failure does not wipe out what was seen before.
insert into app.roof_assessments as a (org_id, property_id, image_id, vendor, model, status, assessment, condition_score, damage_level, damage_indicators, remaining_life_years, material, reason, vendor_call_id, assessed_at)
values (cast(:org_id as int), cast(:property_id as bigint), cast(:image_id as bigint), :vendor, :model, :status, cast(:assessment as text), cast(:condition_score as int), cast(:damage_level as text), cast(:damage_indicators as text[]),
        cast(:remaining_life_years as int), cast(:material as text), cast(:reason as text), cast(:call_id as bigint), app.now())
on conflict (org_id, image_id, vendor) do update
   set model = excluded.model, status = excluded.status, assessment = excluded.assessment, condition_score = excluded.condition_score, damage_level = excluded.damage_level, damage_indicators = excluded.damage_indicators,
       remaining_life_years = excluded.remaining_life_years, material = excluded.material, reason = excluded.reason, vendor_call_id = excluded.vendor_call_id, assessed_at = excluded.assessed_at
 where excluded.status <> 'failed' or a.status = 'failed';

-- name: count_up
-- The pictures of a place are among the facts that its score rests on.
update app.properties set version = version + 1 where org_id = cast(:org_id as int) and id = cast(:property_id as bigint);

-- name: live_photo
select content, media_type, license, taken_on, source from app.roof_images
 where org_id = cast(:org_id as int) and property_id = cast(:property_id as bigint) and status = 'live'
 order by fetched_at desc, id desc limit 1;

-- name: property
select id as property_id, concat_ws(', ', concat_ws(' ', address_line1, address_line2), city, concat_ws(' ', state, postal_code)) as address, lat, lng
  from app.properties where id = cast(:property_id as bigint) and merged_into is null;

-- name: property_of_lead
select property_id from app.leads where id = cast(:lead_id as uuid);

-- name: images
select id, source, status, license, taken_on, media_type, octet_length(content) as bytes, meters_per_pixel, reason, fetched_at
  from app.roof_images where property_id = cast(:property_id as bigint) order by fetched_at desc, id;

-- name: assessments
select image_id, vendor, model, status, assessment, condition_score, damage_level, damage_indicators, remaining_life_years, material, reason, assessed_at
  from app.roof_assessments where property_id = cast(:property_id as bigint) order by image_id, vendor;

-- name: looks
select playbook, outcome, reason, looked_at, due_at, leased_until > app.now() as is_held from app.roof_looks
 where property_id = cast(:property_id as bigint) order by playbook;

-- name: content
select i.content, i.media_type, i.status from app.roof_images i join app.properties p on p.org_id = i.org_id and p.id = i.property_id
 where i.property_id = cast(:property_id as bigint) and i.id = cast(:image_id as bigint) and i.content is not null;

-- name: count_due
select playbook, count(*) as leads from app.imagery_due group by playbook order by playbook;

-- name: count_looks
select playbook, coalesce(outcome, 'unfinished') as outcome, count(*) as places from app.roof_looks group by 1, 2 order by 1, 2;

-- name: count_images
select source, status, count(*) as pictures, count(*) filter (where status = 'failed') as failed, max(reason) as reason from app.roof_images group by 1, 2 order by 1, 2;

-- name: count_assessments
select vendor, model, status, count(*) as pictures, cast(avg(condition_score) as int) as mean_score, max(reason) as reason from app.roof_assessments group by 1, 2, 3 order by 1, 2, 3;

-- name: count_apart
select count(*) filter (where looked > 1) as compared, count(*) filter (where looked > 1 and apart >= cast(:apart as int)) as apart from app.roof_facts;

-- name: spent
select vendor, operation, count(*) filter (where cost_cents > 0) as bought, coalesce(sum(cost_cents), 0) as cents from app.vendor_calls
 where (vendor, operation) in (select * from unnest(cast(:vendors as text[]), cast(:operations as text[]))) group by 1, 2 order by 1, 2;

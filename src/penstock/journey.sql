-- name: announce
insert into app.pipeline_events (org_id, at, lead_id, upload_id, event_type, stage, duration_ms, details)
select cast(:org_id as int), app.now(), e.lead_id, e.upload_id, e.event_type, e.stage, e.duration_ms, cast(e.details as jsonb)
  from unnest(cast(:lead_ids as uuid[]), cast(:upload_ids as uuid[]), cast(:types as text[]), cast(:stages as text[]), cast(:durations as int[]), cast(:details as text[]))
       with ordinality as e(lead_id, upload_id, event_type, stage, duration_ms, details, n)
 order by e.n;

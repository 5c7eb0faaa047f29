-- A scan that somebody works on has a worker; the one of a worker that died is let go by `recover`.
create view app.scans_due with (security_invoker = true) as
select s.org_id, s.id from app.area_scans s
 where s.status in ('queued', 'in_progress') and s.worker_id is null
   and not exists (select 1 from app.on_hold h where h.org_id = s.org_id and h.stage = 'scans' and h.item = s.id::text);
comment on view app.scans_due is 'Area scans to be worked on.';

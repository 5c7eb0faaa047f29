create view app.scans_due with (security_invoker = true) as
select org_id, id from app.area_scans where false;
comment on view app.scans_due is 'Area scans to be worked on.';

create view app.permits_due with (security_invoker = true) as
select org_id, id from app.building_permits where false;
comment on view app.permits_due is 'Permits whose place is not decided.';

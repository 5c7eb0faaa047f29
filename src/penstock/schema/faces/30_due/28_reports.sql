create view app.reports_due with (security_invoker = true) as
select org_id, id from app.leads where false;
comment on view app.reports_due is 'Leads without a report of the present facts.';

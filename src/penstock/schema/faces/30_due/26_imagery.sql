create view app.imagery_due with (security_invoker = true) as
select org_id, id from app.leads where false;
comment on view app.imagery_due is 'Leads whose place nobody has looked at from above.';

create view app.usage_due with (security_invoker = true) as
select org_id, id from app.usage_events where false;
comment on view app.usage_due is 'Usage that the payment service has not been told.';

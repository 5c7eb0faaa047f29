create view app.contagion_due with (security_invoker = true) as
select org_id, id, items from app.contagion_changes;
comment on view app.contagion_due is 'Permits and places that the scores have not taken in.';

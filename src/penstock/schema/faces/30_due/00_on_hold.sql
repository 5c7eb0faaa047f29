-- What waits in the DLQ is not due.
create view app.on_hold with (security_invoker = true) as
select org_id, stage, item from app.dlq where retry_after is null or retry_after > app.now();
comment on view app.on_hold is 'Items that failed and are not to be tried yet.';

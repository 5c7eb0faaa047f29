-- name: is_applied
-- Whether what the call brought has been merged.
select status = 'applied' from app.vendor_calls where id = cast(:call_id as bigint);

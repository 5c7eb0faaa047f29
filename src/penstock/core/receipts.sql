-- name: take
-- Locked for this transaction; what another worker holds is skipped, what it finished is gone.
select id, event_type, payload_sealed, received_at from app.webhook_receipts where id = cast(:id as bigint) and processed_at is null for update skip locked;

-- name: close
update app.webhook_receipts set processed_at = app.now(), outcome = :outcome, lead_id = cast(:lead_id as uuid) where id = cast(:id as bigint);

-- name: plain_messages
select at, id, body_sealed as text from app.message_log where body_sealed !~ '^s[0-9]+\.' order by id limit cast(:limit as int) for update skip locked;

-- name: seal_message
update app.message_log set body_sealed = :text where at = cast(:at as timestamptz) and id = cast(:id as bigint);

-- name: plain_notes
select id, notes as text from app.handoffs where notes !~ '^s[0-9]+\.' order by id limit cast(:limit as int) for update skip locked;

-- name: seal_note
update app.handoffs set notes = :text where id = cast(:id as bigint);

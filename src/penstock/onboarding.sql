-- name: complete_org
update app.orgs set slug = :slug, name = :name, legal_name = :legal_name, postal_address = :postal_address, support_email = :support_email, support_phone = :support_phone,
       timezone = :timezone, from_domain = :from_domain, public_url = :public_url, policy = cast(:policy as jsonb), alert_email = :alert_email, alert_webhook_url = :alert_webhook_url,
       alert_secret_sealed = :alert_secret_sealed
 where id = cast(:org_id as int) and postal_address = '' and cast(:postal_address as text) <> '';

-- name: lock_sides
select pg_advisory_xact_lock(hashtext('penstock.town or people'));

-- name: in_a_town
select slug from app.orgs where rehearsed_at is not null order by id;

-- name: real
-- Who has a profile of its own, or could reach people before.
select slug from app.orgs where rehearsed_at is null and (postal_address <> '' or live_at is not null) order by id;

-- name: rehearse
update app.orgs set rehearsed_at = app.now() where rehearsed_at is null;

-- name: go_live
update app.orgs set live_at = app.now() where live_at is null;

-- name: insert_org
-- Who lives where the town's org lives is in a town from the first moment.
insert into app.orgs (id, slug, name, legal_name, postal_address, support_email, support_phone, timezone, from_domain, public_url, policy, alert_email, alert_webhook_url, alert_secret_sealed, rehearsed_at)
values (cast(:org_id as int), :slug, :name, :legal_name, :postal_address, :support_email, :support_phone, :timezone, :from_domain, :public_url, cast(:policy as jsonb), :alert_email, :alert_webhook_url, :alert_secret_sealed,
        case when cast(:postal_address as text) = :made_up then app.now() end)
on conflict (id) do nothing;

-- name: insert_key_version
insert into app.key_versions (version, is_current)
select cast(:version as int), not exists (select 1 from app.key_versions where is_current)
on conflict (version) do nothing;

-- name: known_playbooks
select playbook from app.campaigns union select playbook from app.price_tiers union select playbook from app.spend_caps;

-- name: insert_campaign
insert into app.campaigns (org_id, playbook, name) values (cast(:org_id as int), :playbook, :name) on conflict do nothing;

-- name: insert_nodes
-- The drawing of a playbook's sequence, once: start, each message with the wait before it, end.
insert into app.sequence_nodes (org_id, campaign_id, node_id, node_type, step, position_x, position_y, config, next_nodes)
select cast(:org_id as int), c.id, n.node_id, n.node_type, n.step, 0, n.position_y, n.config, n.next_nodes
  from app.campaigns c, jsonb_to_recordset(cast(:nodes as jsonb)) n(node_id text, node_type text, step int, position_y double precision, config jsonb, next_nodes jsonb)
 where c.playbook = :playbook and c.name = :name
on conflict (org_id, campaign_id, node_id) do nothing;

-- name: insert_tier
insert into app.price_tiers (org_id, playbook, event_type, from_count, unit_cents)
values (cast(:org_id as int), :playbook, :event_type, cast(:from_count as int), cast(:unit_cents as int)) on conflict do nothing;

-- name: insert_cap
insert into app.spend_caps (org_id, scope, playbook, cap_cents) values (cast(:org_id as int), :scope, :playbook, cast(:cap_cents as numeric)) on conflict do nothing;

-- name: insert_broker
insert into app.brokers (org_id, id, name, company, email, phone, timezone, daily_cap, calendar_username, calendar_event_slug, calendar_event_type_id, webhook_url, webhook_secret_sealed)
values (cast(:org_id as int), coalesce(cast(:id as uuid), gen_random_uuid()), :name, :company, :email, :phone, :timezone, cast(:daily_cap as int), :calendar_username, :calendar_event_slug, cast(:calendar_event_type_id as int), :webhook_url, :webhook_secret_sealed)
returning id;

-- name: insert_number
insert into app.phone_numbers (org_id, broker_id, e164, state, vendor_number_id)
values (cast(:org_id as int), cast(:broker_id as uuid), :e164, :state, :vendor_number_id) on conflict (org_id, e164) do nothing;

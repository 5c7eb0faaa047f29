-- name: user_for_sign_in
-- Asked as the login user: nobody is signed in yet, so there is no org to ask within.
select org_id, id, name, password_hash, user_role, is_active from app.users where email = lower(:email);

-- name: signed_in
update app.users set last_signed_in_at = app.now() where id = cast(:id as uuid);

-- name: key_by_prefix
select org_id, id, secret_hash, scopes, last_used_at from app.api_keys where prefix = :prefix and revoked_at is null;

-- name: key_used
update app.api_keys set last_used_at = app.now() where id = cast(:id as uuid);

-- name: audit
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details)
values (cast(:org_id as int), app.now(), :actor, :action, :object_type, :object_id, cast(:details as jsonb));

-- name: users
select id, email, name, user_role, is_active, created_at, last_signed_in_at from app.users
 where cast(:id as uuid) is null or id = cast(:id as uuid) order by created_at, id;

-- name: add_user
insert into app.users (org_id, id, email, password_hash, name, user_role)
values (cast(:org_id as int), coalesce(cast(:id as uuid), gen_random_uuid()), lower(:email), :password_hash, :name, :user_role)
returning id;

-- name: change_user
update app.users set name = coalesce(:name, name), user_role = coalesce(:user_role, user_role),
       is_active = coalesce(cast(:is_active as boolean), is_active), password_hash = coalesce(:password_hash, password_hash)
 where id = cast(:id as uuid);

-- name: active_admins
select count(*) from app.users where user_role = 'admin' and is_active;

-- name: keys
select id, name, prefix, scopes, allow_v1, created_at, last_used_at, revoked_at from app.api_keys order by created_at, id;

-- name: add_key
insert into app.api_keys (org_id, name, prefix, secret_hash, signing_secret_sealed, scopes, allow_v1)
values (cast(:org_id as int), :name, :prefix, :secret_hash, :signing_secret_sealed, cast(:scopes as text[]), cast(:allow_v1 as boolean))
returning id;

-- name: revoke_key
update app.api_keys set revoked_at = coalesce(revoked_at, app.now()) where id = cast(:id as uuid);

-- name: brokers
select id, name, company, email, phone, timezone, daily_cap, is_active, calendar_username, calendar_event_slug, calendar_event_type_id, webhook_url,
       created_at, (select count(*) from app.leads l where l.org_id = b.org_id and l.assigned_broker_id = b.id) as leads
  from app.brokers b where cast(:id as uuid) is null or id = cast(:id as uuid) order by name, id;

-- name: add_broker
insert into app.brokers (org_id, name, company, email, phone, timezone, daily_cap, is_active, calendar_username, calendar_event_slug, calendar_event_type_id, webhook_url, webhook_secret_sealed)
values (cast(:org_id as int), :name, :company, :email, :phone, :timezone, cast(:daily_cap as int), cast(:is_active as boolean), :calendar_username, :calendar_event_slug,
        cast(:calendar_event_type_id as int), :webhook_url, :webhook_secret_sealed)
returning id;

-- name: change_broker
-- Takes the whole row back: the caller laid the changes over what was there, under this lock.
update app.brokers set name = :name, company = :company, email = :email, phone = :phone, timezone = :timezone, daily_cap = cast(:daily_cap as int),
       is_active = cast(:is_active as boolean), calendar_username = :calendar_username, calendar_event_slug = :calendar_event_slug,
       calendar_event_type_id = cast(:calendar_event_type_id as int), webhook_url = :webhook_url,
       webhook_secret_sealed = coalesce(:webhook_secret_sealed, webhook_secret_sealed)
 where id = cast(:id as uuid);

-- name: lock_broker
select 1 from app.brokers where id = cast(:id as uuid) for update;

-- name: drop_broker
delete from app.brokers where id = cast(:id as uuid);

-- name: lead
select l.id, l.playbook, l.source, l.lead_status, l.campaign_status, l.sales_stage, l.status_reason, l.priority, l.lead_score, l.quality_score,
       l.assigned_broker_id, l.assigned_persona, l.consent, l.consented_at, l.first_seen_at, l.last_seen_at, l.last_reply_at, l.added_to_campaign_at,
       l.call_attempt_count, l.next_call_at, l.contact_id, l.property_id, coalesce(c.full_name, c.company) as name, c.kind as contact_kind
  from app.leads l left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 where l.id = cast(:id as uuid);

-- name: property
select mak, apn, apn_raw, state, county, address_line1, address_line2, city, postal_code, lat, lng, land_use, year_built, bedrooms, bathrooms,
       building_sqft, lot_sqft, property_value, estimated_equity, mortgage_balance, last_sale_date, last_sale_price, owner_occupied, source
  from app.properties where id = cast(:id as bigint);

-- name: contact_points
select id, kind, value, source, score, verified, status, line_type, verified_at, dnc_listed, dnc_checked_at
  from app.contact_points where contact_id = cast(:id as bigint) and not is_invalid order by kind, verified desc, score desc nulls last, id;

-- name: change_lead
update app.leads set status_reason = coalesce(:status_reason, status_reason), assigned_persona = coalesce(:assigned_persona, assigned_persona),
       updated_at = app.now()
 where id = cast(:id as uuid);

-- name: lead_exists
select exists (select 1 from app.leads where id = cast(:id as uuid));

-- name: decisions
select at, channel, purpose, phase, verdict, reason, reasons, next_permitted_at, cure, obligations, states, zones, rules_version, chain_n
  from app.contact_decisions where lead_id = cast(:id as uuid) order by at desc, id desc limit cast(:limit as int);

-- name: alerts
select id, rule, value, fired_at, resolved_at, details from app.alerts
 where not cast(:open_only as boolean) or resolved_at is null order by fired_at desc, id desc limit cast(:limit as int);

-- name: revision
select version_num from app.alembic_version;

-- name: org_of_domains
-- Which tenant these mail domains belong to; nothing unless exactly one.
select min(id) as id from app.orgs where lower(from_domain) = any(cast(:domains as text[])) having count(*) = 1;

-- name: store
insert into app.webhook_receipts (org_id, vendor, event_type, dedupe_key, payload_sealed, received_at)
values (cast(:org_id as int), 'mail', :event_type, :dedupe_key, :payload_sealed, app.now())
on conflict (org_id, vendor, dedupe_key) do nothing
returning id;

-- name: note_check
insert into app.signature_checks (org_id, at, route, ok, reason) values (cast(:org_id as int), app.now(), '/webhooks/mail', cast(:ok as boolean), :reason);

-- name: due
select receipt_id from app.replies_due where receipt_id is not null order by received_at, receipt_id limit cast(:limit as int);

-- name: logged_due
select message_id, received_at from app.replies_due where message_id is not null order by received_at, message_id limit cast(:limit as int);

-- name: logged
-- An answer that somebody logged by hand, held for this transaction, and whose it is: the address (of a call or text the phone) they are reached
-- at, and their lead that we wrote to last. What another worker holds is skipped, what it finished is gone.
select m.id, m.at, m.subject, m.body_sealed as body, m.opt_out_only, m.campaign_id, c.id as contact_id, p.id as contact_point_id, l.id as lead_id, l.company_id, l.assigned_persona as persona,
       null::bigint as enrollment_id, null::int as step, null::text as message_id
  from app.message_log m
  join app.contacts o on o.org_id = m.org_id and o.id = m.contact_id
  join app.contacts c on c.org_id = o.org_id and c.id = coalesce(o.merged_into, o.id)
  left join lateral (select l.* from app.leads l where l.org_id = c.org_id and l.contact_id = c.id and l.merged_into is null
                      order by l.added_to_campaign_at desc nulls last, l.first_seen_at desc, l.id limit 1) l on true
  left join lateral (select p.id from app.contact_points p where p.org_id = c.org_id and p.contact_id = c.id and not p.is_invalid and app.is_sealed(p.value)
                        and p.kind = case when m.channel in ('phone', 'sms') then 'phone' else 'email' end
                      order by p.is_primary desc, p.verified desc, p.score desc nulls last, p.id limit 1) p on true
 where m.org_id = cast(:org_id as int) and m.at = cast(:at as timestamptz) and m.id = cast(:id as bigint) and m.direction = 'inbound' and m.intent is null
   for update of m skip locked;

-- name: heard
update app.message_log set intent = :intent where org_id = cast(:org_id as int) and at = cast(:at as timestamptz) and id = cast(:id as bigint);

-- name: message_by_id
-- The newest of our own messages that a mail refers to.
select m.lead_id, m.contact_id, m.contact_point_id, m.enrollment_id, m.step, m.message_id, m.persona, m.campaign_id, l.company_id
  from app.message_log m left join app.leads l on l.org_id = m.org_id and l.id = m.lead_id
 where m.org_id = cast(:org_id as int) and m.direction = 'outbound' and m.message_id = any(cast(:message_ids as text[]))
 order by m.at desc, m.id desc limit 1;

-- name: lead_by_sender
-- Without a reference the sender's address has to do: the lead of theirs that we wrote to last.
select l.id as lead_id, l.contact_id, p.id as contact_point_id, null::bigint as enrollment_id, null::int as step, null::text as message_id,
       null::bigint as campaign_id, l.assigned_persona as persona, l.company_id
  from app.contact_points p join app.leads l on l.org_id = p.org_id and l.contact_id = p.contact_id and l.merged_into is null
 where p.org_id = cast(:org_id as int) and p.kind = 'email' and p.value = any(cast(:values as text[]))
 order by l.added_to_campaign_at desc nulls last, l.lead_score desc, l.id limit 1;

-- name: log_inbound
insert into app.message_log (org_id, at, lead_id, contact_id, contact_point_id, enrollment_id, campaign_id, step, direction, channel, state, message_id, in_reply_to,
                             subject, body_sealed, intent, sent_at)
values (cast(:org_id as int), app.now(), cast(:lead_id as uuid), cast(:contact_id as bigint), cast(:contact_point_id as bigint), cast(:enrollment_id as bigint),
        cast(:campaign_id as bigint), cast(:step as int), 'inbound', 'email', 'received', :message_id, :in_reply_to, :subject, :body_sealed, :intent,
        cast(:received_at as timestamptz));

-- name: lead
select l.id, l.contact_id, l.campaign_status, l.sales_stage, l.assigned_broker_id, l.assigned_persona, l.playbook, o.timezone, c.first_name, c.full_name
  from app.leads l join app.orgs o on o.id = l.org_id left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 where l.org_id = cast(:org_id as int) and l.id = cast(:lead_id as uuid);

-- name: replied
-- A person answered. Only a lead under way changes its status: who opted out stays out, who booked stays booked.
update app.leads
   set last_reply_at = greatest(last_reply_at, cast(:at as timestamptz)),
       campaign_status = case when campaign_status in ('new', 'queued', 'active', 'paused', 'bounced') then cast(:campaign_status as app.campaign_status) else campaign_status end,
       sales_stage = case when sales_stage in ('new', 'contacted', 'replied') and sales_stage <> cast(:sales_stage as app.sales_stage)
                          then cast(:sales_stage as app.sales_stage) else sales_stage end,
       status_reason = :reason
 where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid);

-- name: hold_for_review
update app.contacts set needs_review_since = coalesce(needs_review_since, app.now()), review_reason = :reason
 where org_id = cast(:org_id as int) and id = cast(:contact_id as bigint);

-- name: soft_bounce
update app.contact_points
   set soft_bounces = case when bounced_at > app.now() - interval '14 days' then soft_bounces else 0 end + 1, bounced_at = app.now()
 where org_id = cast(:org_id as int) and id = cast(:id as bigint)
returning soft_bounces;

-- name: forget_soft_bounces
update app.contact_points set soft_bounces = 0 where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: sender_trouble
-- Messages of the last day whose rejection was about us.
select count(*) from app.webhook_receipts
 where org_id = cast(:org_id as int) and vendor = 'mail' and outcome = 'bounce: about the sender' and processed_at > app.now() - interval '1 day';

-- name: switch_off_campaign
update app.campaigns set is_active = false where org_id = cast(:org_id as int) and id = cast(:id as bigint) and is_active returning name;

-- name: alert_target
select alert_email from app.orgs where id = cast(:org_id as int);

-- name: answered_lately
-- Our automatic answers to this person in the last week (RFC 3834: once per sender and week).
select exists (select 1 from app.message_log m
                where m.org_id = cast(:org_id as int) and m.contact_id = cast(:contact_id as bigint) and m.direction = 'outbound' and m.enrollment_id is null
                  and m.state <> 'failed' and m.at > app.now() - interval '7 days' and m.lead_id = cast(:lead_id as uuid));

-- name: is_their_address
select exists (select 1 from app.contact_points p where p.org_id = cast(:org_id as int) and p.id = cast(:id as bigint) and p.value = any(cast(:values as text[])));

-- name: timezone
select timezone from app.orgs where id = cast(:org_id as int);

-- name: person_left
-- A fact like any other: who holds the offices now is concluded where facts are.
insert into app.company_facts as f (org_id, company_id, contact_id, kind, key, value, source, found_at, seen_at)
select l.org_id, l.company_id, l.contact_id, 'departure', 'mail:' || l.contact_id, jsonb_build_object('name', c.full_name, 'date', cast(cast(:at as timestamptz) at time zone 'UTC' as date)), 'mail', app.now(), app.now()
  from app.leads l join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
 where l.org_id = cast(:org_id as int) and l.id = cast(:lead_id as uuid) and l.company_id is not null and c.full_name is not null
on conflict (org_id, company_id, kind, key) do update set seen_at = excluded.seen_at;

-- name: left
-- Somebody who wants no more mail did answer: the status is the suppression's business.
update app.leads set last_reply_at = greatest(last_reply_at, cast(:at as timestamptz)), status_reason = :reason
 where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid);

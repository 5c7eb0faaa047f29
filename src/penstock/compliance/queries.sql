-- name: org
-- The seller, as people see it.
select id, name, legal_name, postal_address, support_email, support_phone, public_url, policy from app.orgs where id = cast(:org_id as int)

-- name: subjects
-- What is known of each contact point asked about, its person and its place (the property, or where the company sits); one row per question, in
-- its order. Whoever answered, by what somebody logged by hand, is up for review until it is read.
select q.n, l.id as lead_id, l.contact_id, l.playbook, p.id as contact_point_id, p.kind, p.value, p.source, p.line_type,
       p.line_type_checked_at, p.dnc_listed, p.dnc_checked_at, p.is_invalid, c.age, c.is_deceased, c.is_litigator,
       coalesce(c.needs_review_since, (select min(m.at) from app.message_log m where m.org_id = l.org_id and m.contact_id = l.contact_id
                                          and m.direction = 'inbound' and m.intent is null)) as needs_review_since,
       c.created_at as contact_created_at, c.declared_state, c.declared_timezone, c.mailing_state, c.mailing_postal_code,
       coalesce(pr.state, co.state) as state, coalesce(pr.postal_code, co.postal_code) as postal_code, pr.lat, pr.lng, co.country, co.main_phone,
       coalesce(g.url, c.profile_key) as profile, k.id as campaign_id, k.cold_email,
       (select max(other.last_reply_at) from app.leads other where other.org_id = l.org_id and other.contact_id = l.contact_id) as engaged_at
  from unnest(cast(:lead_ids as uuid[]), cast(:point_ids as bigint[]), cast(:campaign_ids as bigint[]))
       with ordinality as q(lead_id, point_id, campaign_id, n)
  left join app.leads l on l.org_id = cast(:org_id as int) and l.id = q.lead_id
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  left join app.contact_points p on p.org_id = l.org_id and p.id = q.point_id and p.contact_id = l.contact_id
  left join app.properties pr on pr.org_id = l.org_id and pr.id = l.property_id
  left join app.companies co on co.org_id = l.org_id and co.id = l.company_id
  left join app.pages g on g.org_id = l.org_id and g.contact_id = l.contact_id and g.url_type = 'profile'
  left join app.campaigns k on k.org_id = l.org_id and k.id = q.campaign_id
 order by q.n

-- name: aliases
-- Each contact under every id it has had: itself, and those merged into it.
select c.id as known_as, coalesce(c.merged_into, c.id) as contact_id
  from app.contacts c
 where c.org_id = cast(:org_id as int) and (c.id = any(cast(:contact_ids as bigint[])) or c.merged_into = any(cast(:contact_ids as bigint[])))

-- name: points_of
select contact_id, id, kind, value from app.contact_points
 where org_id = cast(:org_id as int) and contact_id = any(cast(:contact_ids as bigint[]))

-- name: bars
-- Suppressions in force on these people or identifiers, each half by its own index.
select s.kind, s.value, s.contact_id, s.reason, s.channels, s.created_at
  from app.suppressions s
 where s.org_id = cast(:org_id as int) and s.lifted_at is null and s.value is null and s.contact_id = any(cast(:contact_ids as bigint[]))
union all
select s.kind, s.value, s.contact_id, s.reason, s.channels, s.created_at
  from app.suppressions s
 where s.org_id = cast(:org_id as int) and s.lifted_at is null and s.kind in ('email', 'phone') and s.value = any(cast(:sealed as text[]))

-- name: attempts
-- Every try that left us, or may have, to these people or identifiers.
select a.contact_id, a.value, a.channel, a.purpose, a.state, a.reserved_at, a.ended_at, a.lead_id
  from app.contact_attempts a
 where a.org_id = cast(:org_id as int) and a.state <> 'failed' and a.contact_id = any(cast(:contact_ids as bigint[]))
union all
select a.contact_id, a.value, a.channel, a.purpose, a.state, a.reserved_at, a.ended_at, a.lead_id
  from app.contact_attempts a
 where a.org_id = cast(:org_id as int) and a.state <> 'failed' and a.value = any(cast(:sealed as text[]))
   and a.contact_id <> all(cast(:contact_ids as bigint[]))

-- name: consents
select c.id, c.contact_id, c.seller, c.phone, c.channels, c.captured_at, c.revoked_at, c.evidence_sealed, c.evidence_sha256, c.text_sha256, t.flags
  from app.consents c join app.consent_texts t on t.id = c.text_id
 where c.org_id = cast(:org_id as int) and c.contact_id = any(cast(:contact_ids as bigint[]))

-- name: inbound
-- The newest message of each lead, and how often it was answered since.
select m.lead_id, m.at, (select count(*) from app.contact_attempts a
                          where a.org_id = m.org_id and a.lead_id = m.lead_id and a.purpose = 'REPLY_INBOUND' and a.state <> 'failed'
                            and a.reserved_at >= m.at) as replies
  from unnest(cast(:lead_ids as uuid[])) as q(lead_id)
  cross join lateral (select m.org_id, m.lead_id, m.at from app.message_log m
                       where m.org_id = cast(:org_id as int) and m.lead_id = q.lead_id and m.direction = 'inbound'
                       order by m.at desc limit 1) m

-- name: chain_lock
-- One writer of the chain per org.
select pg_advisory_xact_lock(hashtext('app.contact_decisions'), cast(:org_id as int))

-- name: chain_head
select chain_n, chain_hash from app.contact_decisions
 where org_id = cast(:org_id as int) and chain_n is not null order by chain_n desc limit 1

-- name: keep_decisions
insert into app.contact_decisions (org_id, at, lead_id, contact_id, contact_point_id, channel, purpose, phase, verdict, reason, reasons,
  next_permitted_at, cure, valid_until, obligations, states, zones, rules_version, inputs_hash, chain_n, chain_hash)
select cast(:org_id as int), r.at, r.lead_id, r.contact_id, r.contact_point_id, r.channel, r.purpose, 'final', r.verdict, r.reason,
       array(select jsonb_array_elements_text(r.reasons)), r.next_permitted_at, r.cure, r.valid_until,
       array(select jsonb_array_elements_text(r.obligations)), array(select jsonb_array_elements_text(r.states)),
       array(select jsonb_array_elements_text(r.zones)), r.rules_version, r.inputs_hash, r.chain_n, r.chain_hash
  from jsonb_to_recordset(cast(:entries as jsonb)) as r(at timestamptz, lead_id uuid, contact_id bigint, contact_point_id bigint,
       channel text, purpose text, verdict text, reason text, reasons jsonb, next_permitted_at timestamptz, cure text,
       valid_until timestamptz, obligations jsonb, states jsonb, zones jsonb, rules_version text, inputs_hash text, chain_n bigint,
       chain_hash text)
returning id, chain_n

-- name: newest_checkpoint
select n, at from app.chain_checkpoints where org_id = cast(:org_id as int) order by n desc limit 1

-- name: insert_checkpoint
insert into app.chain_checkpoints (org_id, n, entry_hash, mac, at)
values (cast(:org_id as int), :n, :entry_hash, :mac, cast(:at as timestamptz)) on conflict do nothing

-- name: checkpoints
select n, entry_hash, mac, at from app.chain_checkpoints where org_id = cast(:org_id as int) order by n

-- name: chain_page
select chain_n, chain_hash, at, lead_id, contact_id, contact_point_id, channel, purpose, verdict, reason, reasons, next_permitted_at, cure,
       valid_until, obligations, states, zones, rules_version, inputs_hash
  from app.contact_decisions
 where org_id = cast(:org_id as int) and chain_n > cast(:after as bigint) order by chain_n limit 1000

-- name: lock_contacts
-- The person's row is the lock that reservations and suppressions meet at.
select id from app.contacts where org_id = cast(:org_id as int) and id = any(cast(:contact_ids as bigint[])) order by id for update

-- name: contacts_of_leads
select distinct contact_id from app.leads where org_id = cast(:org_id as int) and id = any(cast(:lead_ids as uuid[])) and contact_id is not null

-- name: known_references
select channel, reference from app.contact_attempts
 where org_id = cast(:org_id as int) and reference = any(cast(:refs as text[])) and state <> 'failed'

-- name: insert_attempt
-- A try that never left us may be reserved again under the same reference.
insert into app.contact_attempts as a (org_id, contact_id, lead_id, contact_point_id, value, channel, purpose, state, reserved_at, worker_id, decision_id, reference)
values (cast(:org_id as int), :contact_id, cast(:lead_id as uuid), :contact_point_id, :value, :channel, :purpose, 'reserved',
        cast(:at as timestamptz), cast(:worker_id as uuid), :decision_id, :reference)
on conflict (org_id, channel, reference) do update
   set state = 'reserved', reserved_at = excluded.reserved_at, ended_at = null, worker_id = excluded.worker_id, decision_id = excluded.decision_id,
       contact_point_id = excluded.contact_point_id, value = excluded.value, purpose = excluded.purpose
 where a.state = 'failed'
returning id

-- name: move_attempts
update app.contact_attempts
   set state = :state, ended_at = case when :state = 'in_call' then null else coalesce(ended_at, cast(:at as timestamptz)) end
 where org_id = cast(:org_id as int) and id = any(cast(:ids as bigint[])) and state in ('reserved', 'in_call', 'in_doubt')

-- name: last_look
-- Attempts that may still go to the wire: reserved, their decision still valid, and nothing suppressed since.
select a.id
  from app.contact_attempts a
  join app.contact_decisions d on d.org_id = a.org_id and d.at = a.reserved_at and d.id = a.decision_id
 where a.org_id = cast(:org_id as int) and a.id = any(cast(:ids as bigint[])) and a.state in ('reserved', 'in_call')
   and d.verdict = 'ALLOW' and d.valid_until >= app.now()
   and not exists (
     select 1 from app.suppressions s
      where s.org_id = a.org_id and s.lifted_at is null and s.created_at >= a.reserved_at and case a.channel when 'linkedin' then 'email' else a.channel end = any(s.channels)
        and ((s.value is null and s.contact_id = a.contact_id)
             or (s.kind in ('email', 'phone')
                 and s.value in (select p.value from app.contact_points p where p.org_id = a.org_id and p.contact_id = a.contact_id
                                 union all select a.value))))

-- name: holders
-- The people who hold an identifier.
select distinct contact_id from app.contact_points
 where org_id = cast(:org_id as int) and kind = :kind and value = any(cast(:sealed as text[]))

-- name: covered
-- Whether each of the bars asked for is in force already, and newer than any consent of the person.
select coalesce(bool_and(exists (
         select 1 from app.suppressions s
          where s.org_id = cast(:org_id as int) and s.lifted_at is null and s.reason = :reason and s.channels @> cast(:channels as text[])
            and s.kind = q.kind and s.value is not distinct from q.value and s.contact_id is not distinct from q.contact_id
            and s.created_at >= coalesce((select max(c.captured_at) from app.consents c
                                           where c.org_id = s.org_id and c.contact_id = any(cast(:contact_ids as bigint[]))), '-infinity'))), true)
  from jsonb_to_recordset(cast(:bars as jsonb)) as q(kind text, value text, contact_id bigint)

-- name: bar_values
insert into app.suppressions as s (org_id, kind, value, reason, channels, method, raw_sealed, actor, created_at)
select cast(:org_id as int), q.kind, q.value, :reason, cast(:channels as text[]), :method, :raw_sealed, :actor, cast(:at as timestamptz)
  from jsonb_to_recordset(cast(:bars as jsonb)) as q(kind text, value text, contact_id bigint) where q.value is not null
on conflict (org_id, kind, value, reason) where lifted_at is null and value is not null do update
   set channels = array(select distinct unnest(s.channels || excluded.channels) order by 1), created_at = greatest(s.created_at, excluded.created_at),
       method = excluded.method, raw_sealed = coalesce(excluded.raw_sealed, s.raw_sealed), actor = excluded.actor

-- name: bar_contacts
insert into app.suppressions as s (org_id, kind, contact_id, reason, channels, method, raw_sealed, actor, created_at)
select cast(:org_id as int), q.kind, q.contact_id, :reason, cast(:channels as text[]), :method, :raw_sealed, :actor, cast(:at as timestamptz)
  from jsonb_to_recordset(cast(:bars as jsonb)) as q(kind text, value text, contact_id bigint) where q.value is null
on conflict (org_id, contact_id, reason) where lifted_at is null and value is null do update
   set channels = array(select distinct unnest(s.channels || excluded.channels) order by 1), created_at = greatest(s.created_at, excluded.created_at),
       method = excluded.method, raw_sealed = coalesce(excluded.raw_sealed, s.raw_sealed), actor = excluded.actor

-- name: leads_of
-- The leads of these people that still are leads.
select id from app.leads
 where org_id = cast(:org_id as int) and contact_id = any(cast(:contact_ids as bigint[])) and merged_into is null order by id

-- name: lock_enrollments
select id from app.enrollments where org_id = cast(:org_id as int) and lead_id = any(cast(:lead_ids as uuid[])) order by id for update

-- name: lock_leads
select id from app.leads where org_id = cast(:org_id as int) and id = any(cast(:lead_ids as uuid[])) order by id for update

-- name: move_leads
-- A booked appointment stands; whoever was barred before stays barred for the first reason.
update app.leads set campaign_status = cast(:status as app.campaign_status), status_reason = :reason
 where org_id = cast(:org_id as int) and id = any(cast(:lead_ids as uuid[])) and campaign_status not in ('converted', 'unsubscribed', 'do_not_contact')

-- name: stop_enrollments
update app.enrollments set state = 'stopped', ended_at = cast(:at as timestamptz), stop_reason = :reason
 where org_id = cast(:org_id as int) and lead_id = any(cast(:lead_ids as uuid[])) and state in ('active', 'paused')

-- name: withdraw_consent
with gone as (
  update app.leads set consent = false
   where org_id = cast(:org_id as int) and id = any(cast(:lead_ids as uuid[])) and consent returning org_id, id)
insert into app.lead_consent_audit (org_id, lead_id, action, reason, details, at)
select org_id, id, 'revoked', :reason, jsonb_build_object('method', cast(:method as text)), cast(:at as timestamptz) from gone

-- name: audit
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details)
values (cast(:org_id as int), cast(:at as timestamptz), :actor, :action, :object_type, :object_id, cast(:details as jsonb))

-- name: point
select kind, value from app.contact_points where org_id = cast(:org_id as int) and id = cast(:id as bigint)

-- name: know_text
insert into app.consent_texts (id, body_html, sha256, channels, flags, language, approved_by)
values (:id, :body_html, :sha256, cast(:channels as text[]), cast(:flags as text[]), :language, :approved_by) on conflict do nothing

-- name: void_tokens
update app.consent_tokens set voided_at = cast(:at as timestamptz)
 where org_id = cast(:org_id as int) and lead_id = cast(:lead_id as uuid) and used_at is null and voided_at is null

-- name: lasting_token
select token_sealed from app.consent_tokens
 where lead_id = cast(:lead_id as uuid) and text_id = :text_id and channels = cast(:channels as text[])
   and used_at is null and voided_at is null and expires_at >= cast(:until as timestamptz)
 order by expires_at desc limit 1;

-- name: insert_token
insert into app.consent_tokens (org_id, lead_id, nonce_hash, text_id, channels, token_sealed, created_at, expires_at)
values (cast(:org_id as int), cast(:lead_id as uuid), :nonce_hash, :text_id, cast(:channels as text[]), :token_sealed, cast(:at as timestamptz), cast(:expires_at as timestamptz));

-- name: offer
-- What a consent link stands for, whatever became of it.
select t.id as token_id, t.text_id, t.used_at, t.voided_at, t.expires_at, coalesce(m.id, l.id) as lead_id, coalesce(m.contact_id, l.contact_id) as contact_id,
       l.playbook, coalesce(m.assigned_persona, l.assigned_persona) as persona,
       exists (select 1 from app.suppressions s
                where s.org_id = t.org_id and s.lifted_at is null and s.value is null and s.contact_id = coalesce(m.contact_id, l.contact_id)
                  and s.reason in ('SUPP_LEGAL', 'SUPP_PRIVACY')) as barred
  from app.consent_tokens t
  join app.leads l on l.org_id = t.org_id and l.id = t.lead_id
  left join app.leads m on m.org_id = l.org_id and m.id = l.merged_into
 where t.org_id = cast(:org_id as int) and t.nonce_hash = :nonce_hash

-- name: use_token
-- Whoever gets the row here, and nobody else, may write the consent.
update app.consent_tokens set used_at = cast(:at as timestamptz)
 where org_id = cast(:org_id as int) and nonce_hash = :nonce_hash and used_at is null and voided_at is null
   and expires_at > cast(:at as timestamptz)
returning id

-- name: first_receipt
-- The consent that this very form gave already.
select c.id, c.channels, c.captured_at from app.consents c
  join app.consent_tokens t on t.org_id = c.org_id and t.id = c.token_id
  join app.lead_consent_audit a on a.org_id = c.org_id and a.consent_id = c.id and a.action = 'given'
 where c.org_id = cast(:org_id as int) and t.nonce_hash = :nonce_hash and a.details ->> 'form' = :form

-- name: previous_consents
select id from app.consents where org_id = cast(:org_id as int) and contact_id = cast(:contact_id as bigint) order by captured_at

-- name: email_of_lead
-- The address the link went to: the one used last, or the best there is.
select p.value from app.contact_points p
  left join app.contact_attempts a on a.org_id = p.org_id and a.contact_point_id = p.id
 where p.org_id = cast(:org_id as int) and p.contact_id = cast(:contact_id as bigint) and p.kind = 'email' and not p.is_invalid
 order by a.reserved_at desc nulls last, p.verified desc, p.score desc nulls last, p.id limit 1

-- name: own_phone
-- The number typed by the person, as theirs.
insert into app.contact_points as p (org_id, contact_id, kind, value, source, score, line_type, added_at)
values (cast(:org_id as int), :contact_id, 'phone', :value, 'form', 100, 'unknown', cast(:at as timestamptz))
on conflict (org_id, contact_id, kind, value) do update set source = 'form', score = 100, is_invalid = p.is_invalid and p.replaced_at is null, replaced_at = null

-- name: insert_consent
insert into app.consents (org_id, id, lead_id, contact_id, seller, phone, channels, text_id, text_sha256, evidence_sealed, evidence_sha256, token_id, captured_at)
values (cast(:org_id as int), cast(:id as uuid), cast(:lead_id as uuid), :contact_id, :seller, :phone, cast(:channels as text[]), :text_id, :text_sha256,
        :evidence_sealed, :evidence_sha256, cast(:token_id as uuid), cast(:at as timestamptz))

-- name: audit_consent
insert into app.lead_consent_audit (org_id, lead_id, consent_id, action, reason, ip, user_agent, text_id, details, at)
values (cast(:org_id as int), cast(:lead_id as uuid), cast(:consent_id as uuid), :action, :reason, :ip, :user_agent, :text_id, cast(:details as jsonb),
        cast(:at as timestamptz))

-- name: lead_consented
-- The person spoke to us: the sequence that asked is over. Consent to AI voice is what the column says.
update app.leads
   set consent = consent or cast(:voice as boolean), consented_at = cast(:at as timestamptz), consent_method = 'form', facts_changed_at = cast(:at as timestamptz),
       campaign_status = case when campaign_status = 'converted' then campaign_status else 'replied' end
 where org_id = cast(:org_id as int) and id = cast(:lead_id as uuid)

-- name: record_check
insert into app.signature_checks (org_id, at, route, ok, reason) values (cast(:org_id as int), cast(:at as timestamptz), :route, :ok, :reason)

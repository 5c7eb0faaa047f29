-- Sequences, calls, bookings, tasks, settings and books of a territory business.

create view territory.lead_activities with (security_invoker = true) as
select org_id, id, lead_id, case when actor ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then cast(actor as uuid) end as user_id, activity_type, title, description, activity_metadata, success, error_message, created_at
  from app.lead_timeline;
comment on view territory.lead_activities is 'The timeline of a lead: its diary and its notes (sealed), and who of the people that sign in did it.';

create view territory.sequences with (security_invoker = true) as
select c.org_id, c.id, cast(null as uuid) as user_id, c.name, c.description, c.is_active, c.is_template,
       coalesce(c.flow_data, (select jsonb_build_object('nodes', jsonb_agg(jsonb_build_object('id', n.node_id, 'type', n.node_type, 'position', jsonb_build_object('x', n.position_x, 'y', n.position_y), 'data', n.config) order by n.id)) from app.sequence_nodes n where n.org_id = c.org_id and n.campaign_id = c.id)) as flow_data,
       c.working_hours_start, c.working_hours_end, to_jsonb(c.working_days) as working_days, c.timezone, e.enrolled as total_enrolled, e.completed as total_completed, e.converted as total_converted,
       cast(case when e.enrolled > 0 then 100.0 * e.converted / e.enrolled else 0 end as double precision) as conversion_rate, c.created_at, c.updated_at
  from app.campaigns c
 cross join lateral (select cast(count(*) as int) as enrolled, cast(count(*) filter (where x.state = 'finished') as int) as completed, cast(count(*) filter (where l.campaign_status = 'converted') as int) as converted
                       from app.enrollments x join app.leads l on l.org_id = x.org_id and l.id = x.lead_id where x.org_id = c.org_id and x.campaign_id = c.id) e;
comment on view territory.sequences is 'Sequences with what they came to.';

create view territory.sequence_nodes with (security_invoker = true) as
select n.org_id, n.id, n.campaign_id as sequence_id, n.node_id, n.node_type, n.position_x, n.position_y, n.config, n.ai_instructions, n.next_nodes, n.condition_rules,
       r.runs as execution_count, r.good as success_count, r.bad as failure_count, n.created_at
  from app.sequence_nodes n
 cross join lateral (select cast(count(*) as int) as runs, cast(count(*) filter (where m.state = 'sent') as int) as good, cast(count(*) filter (where m.state in ('failed', 'in_doubt')) as int) as bad
                       from app.message_log m where m.org_id = n.org_id and m.campaign_id = n.campaign_id and m.step = n.step and m.direction = 'outbound') r;
comment on view territory.sequence_nodes is 'Steps of sequences with how often they ran.';

create view territory.sequence_enrollments with (security_invoker = true) as
select e.org_id, e.id, e.campaign_id as sequence_id, e.lead_id, l.assigned_broker_id as user_id, case e.state when 'finished' then 'completed' when 'stopped' then 'failed' else e.state end as status,
       'step-' || least(e.current_step + 1, greatest(e.current_step, 1)) as current_node_id, e.current_step as steps_completed, e.next_execution_at, m.last_at as last_execution_at, e.stop_reason as error_message,
       case when l.campaign_status = 'converted' then 'appointment' when l.campaign_status in ('unsubscribed', 'do_not_contact') then 'opted_out' end as conversion_outcome,
       m.emails as emails_sent, m.texts as sms_sent, cast((select count(*) from app.calls k where k.org_id = e.org_id and k.lead_id = e.lead_id and k.state <> 'failed') as int) as calls_made,
       cast(null as int) as emails_opened, cast(null as int) as emails_clicked, l.campaign_status = 'converted' as converted,
       (select min(a.created_at) from app.appointments a where a.org_id = e.org_id and a.lead_id = e.lead_id) as conversion_date, e.started_at as enrolled_at, e.ended_at as completed_at
  from app.enrollments e join app.leads l on l.org_id = e.org_id and l.id = e.lead_id
 cross join lateral (select cast(count(*) filter (where x.channel = 'email') as int) as emails, cast(count(*) filter (where x.channel = 'sms') as int) as texts, max(x.sent_at) as last_at
                       from app.message_log x where x.org_id = e.org_id and x.enrollment_id = e.id and x.direction = 'outbound' and x.state = 'sent') m;
comment on view territory.sequence_enrollments is 'Leads on their way through sequences. Opens and clicks are not measured: no mail carries a pixel.';

create view territory.sequence_executions with (security_invoker = true) as
select m.org_id, 'm' || m.id as id, m.campaign_id as sequence_id, m.enrollment_id, 'step-' || m.step as node_id, case m.channel when 'email' then 'EMAIL' when 'sms' then 'SMS' when 'phone' then 'VOICE_CALL' else 'TASK' end as node_type, m.channel as adapter,
       case m.state when 'sent' then 'completed' when 'sending' then 'running' else 'failed' end as status, case when m.state in ('failed', 'in_doubt') then m.state end as error_message,
       jsonb_build_object('persona', m.persona, 'message_id', m.message_id) as execution_metadata, m.at as started_at, m.sent_at as completed_at
  from app.message_log m where m.enrollment_id is not null and m.direction = 'outbound'
union all
select t.org_id, 't' || t.id, t.campaign_id, t.enrollment_id, 'step-' || t.step, 'TASK', t.channel, case t.state when 'open' then 'pending' when 'done' then 'completed' else 'failed' end, t.reason, jsonb_build_object('due_at', t.due_at), t.created_at, t.closed_at
  from app.tasks t where t.enrollment_id is not null;
comment on view territory.sequence_executions is 'What each step of a sequence came to.';

create view territory.voice_calls with (security_invoker = true) as
select k.org_id, k.id, l.assigned_broker_id as user_id, k.lead_id, (select max(e.id) from app.enrollments e where e.org_id = k.org_id and e.lead_id = k.lead_id and e.started_at <= k.reserved_at) as sequence_enrollment_id,
       k.vapi_call_id as call_sid, cast(null as text) as call_control_id, 'vapi' as carrier, n.e164 as from_number, p.value as to_number, 'outbound' as direction,
       case k.state when 'reserved' then 'initiated' when 'placed' then case when k.started_at is null then 'ringing' else 'in_progress' end when 'failed' then 'failed' when 'in_doubt' then 'failed' else case when k.outcome = 'no_answer' then 'no_answer' else 'completed' end end as status,
       coalesce(cast(extract(epoch from k.ended_at - k.started_at) as int), 0) as duration_seconds, k.attempt_no - 1 as retry_attempts, case when k.state in ('failed', 'in_doubt') then k.ended_reason end as last_error_code, case when k.state in ('failed', 'in_doubt') then k.ended_at end as last_error_at,
       cast(null as text) as ai_voice_id, cast(null as text) as ai_instructions, coalesce(g.goal, 'schedule') as conversation_goal, cast(null as text) as recording_url, k.transcript_sealed as transcript, k.summary_sealed as ai_summary,
       case k.outcome when 'booked' then 'scheduled' when 'callback' then 'follow_up' when 'not_interested' then 'rejected' when 'do_not_call' then 'rejected' else k.outcome end as outcome,
       case k.outcome when 'booked' then 'high' when 'callback' then 'medium' when 'not_interested' then 'none' when 'do_not_call' then 'none' end as interest_level, cast(null as jsonb) as objections_raised,
       case when k.callback_at is not null then 'call back' end as next_steps, k.outcome = 'booked' as appointment_scheduled, a.starts_at as appointment_datetime, case when a.starts_at is not null then 'inspection' end as appointment_type,
       cast(coalesce(k.cost_cents, 0) / 100 as double precision) as call_cost, cast(null as double precision) as ai_cost, cast(coalesce(k.cost_cents, 0) / 100 as double precision) as total_cost, k.reserved_at as initiated_at, k.started_at, k.ended_at,
       cast(null as text) as asr_model, cast(null as text) as tts_model, cast(null as text) as llm_model, cast(null as int) as first_audio_latency_ms, cast(null as int) as p95_latency_ms, cast(null as jsonb) as transcript_json,
       cast((select count(*) from app.call_turns t where t.org_id = k.org_id and t.call_id = k.id and t.barge_in) as int) as barge_in_count, cast((select count(*) from app.call_turns t where t.org_id = k.org_id and t.call_id = k.id and t.role = 'tool') as int) as tool_calls_made,
       cast(null as text) as conversation_state, cast(null as jsonb) as confidence_scores, cast(null as jsonb) as silence_periods
  from app.calls k join app.leads l on l.org_id = k.org_id and l.id = k.lead_id
  join app.contact_points p on p.org_id = k.org_id and p.id = k.contact_point_id
  join app.phone_numbers n on n.org_id = k.org_id and n.id = k.number_id
  left join app.call_campaigns g on g.org_id = k.org_id and g.id = k.call_campaign_id
  left join lateral (select x.starts_at from app.appointments x where x.org_id = k.org_id and x.lead_id = k.lead_id and k.outcome = 'booked' order by x.created_at desc limit 1) a on true;
comment on view territory.voice_calls is 'Calls of the AI voice. Numbers, transcript and summary are sealed; what no vendor reports yet is null.';

create view territory.ai_calls with (security_invoker = true) as
select c.*, l.property_id, g.contractor_id, k.call_campaign_id
  from territory.voice_calls c join app.calls k on k.org_id = c.org_id and k.id = c.id
  join app.leads l on l.org_id = c.org_id and l.id = c.lead_id
  left join app.call_campaigns g on g.org_id = k.org_id and g.id = k.call_campaign_id;
comment on view territory.ai_calls is 'The same calls, by place and contractor.';

create view territory.voice_call_turns with (security_invoker = true) as
select org_id, call_id || ':' || seq as id, call_id, seq, role, text_sealed as text, start_ms, end_ms, barge_in, tool_name, tokens_in, tokens_out, confidence_score, cast(null as text) as audio_url, created_at from app.call_turns;
comment on view territory.voice_call_turns is 'Turns of calls; the words are sealed.';

create view territory.voice_call_events with (security_invoker = true) as
select org_id, id, call_id, event_type, payload, created_at from app.call_events;
comment on view territory.voice_call_events is 'Events of calls.';

create view territory.voice_bookings with (security_invoker = true) as
select a.org_id, a.id, a.lead_id, (select k.id from app.calls k where k.org_id = a.org_id and k.lead_id = a.lead_id and k.outcome = 'booked' order by k.ended_at desc limit 1) as call_id,
       a.starts_at as window_start, a.ends_at as window_end, a.broker_id as estimator_id, concat_ws(', ', p.address_line1, p.city, p.state) as location, a.title as notes, 'inspection' as booking_type,
       case a.status when 'accepted' then case when a.rescheduled_from is not null then 'rescheduled' else 'confirmed' end when 'pending' then 'confirmed' when 'held' then 'completed' else 'cancelled' end as status,
       exists (select 1 from app.notifications n where n.org_id = a.org_id and n.lead_id = a.lead_id and n.kind = 'appointment_booked' and n.state = 'sent' and split_part(n.dedupe_key, ':', 2) = cast(a.id as text)) as confirmation_sent, false as reminder_sent, a.created_at, a.changed_at as updated_at
  from app.appointments a left join app.leads l on l.org_id = a.org_id and l.id = a.lead_id left join app.properties p on p.org_id = l.org_id and p.id = l.property_id;
comment on view territory.voice_bookings is 'Appointments, with the call that booked one, and whether word of it has gone out. The calendar reminds people, not we.';

create view territory.voice_configurations with (security_invoker = true) as
select org_id, broker_id as id, broker_id as user_id, default_voice_id, tts_vendor, voice_style, speaking_rate, pitch_adjustment, asr_vendor, asr_language, enable_punctuation, confidence_threshold, llm_vendor, llm_model, system_prompt_template,
       max_tokens, temperature, max_call_duration_minutes, enable_barge_in, silence_timeout_seconds, require_consent, enable_recording, dnc_compliance, jurisdiction, created_at, updated_at
  from app.voice_configurations;
comment on view territory.voice_configurations is 'How the voice agent speaks for a customer.';

create view territory.ai_configurations with (security_invoker = true) as
select org_id, broker_id as id, broker_id as user_id, voice_enabled, voice_id, voice_tone, voice_speed, max_call_duration, max_objections, email_tone, email_length, email_personalization, sms_tone, sms_emoji_enabled, company_voice_description,
       key_differentiators, value_propositions, common_objections, voice_opening_prompt, voice_objection_prompts, voice_closing_prompt, email_generation_prompt, sms_generation_prompt, ai_creativity, ai_formality, urgency_level, created_at, updated_at
  from app.ai_configurations;
comment on view territory.ai_configurations is 'How texts are written for a customer.';

create view territory.voice_metrics_daily with (security_invoker = true) as
select k.org_id, cast(k.reserved_at at time zone o.timezone as date) || ':' || coalesce(cast(l.assigned_broker_id as text), '') as id, cast(k.reserved_at at time zone o.timezone as date) as day, l.assigned_broker_id as user_id, cast(count(*) as int) as calls, cast(count(k.started_at) as int) as connects,
       coalesce(cast(avg(extract(epoch from k.ended_at - k.started_at)) as int), 0) as avg_duration_s, cast(count(*) filter (where k.outcome = 'booked') as int) as bookings,
       cast(case when count(k.started_at) > 0 then 1.0 * count(*) filter (where k.outcome = 'booked') / count(k.started_at) else 0 end as double precision) as booking_rate,
       cast(null as int) as first_minute_latency_ms, cast(null as int) as avg_first_audio_latency_ms, cast(null as int) as p95_latency_ms, cast(null as double precision) as asr_wer, cast(null as double precision) as avg_confidence_score, cast(null as double precision) as barge_in_rate,
       cast(count(*) filter (where k.outcome = 'booked') as int) as outcome_scheduled, cast(count(*) filter (where k.outcome = 'callback') as int) as outcome_callback, cast(count(*) filter (where k.outcome = 'no_answer') as int) as outcome_no_answer,
       cast(count(*) filter (where k.outcome = 'do_not_call') as int) as outcome_opt_out, cast(count(*) filter (where k.state in ('failed', 'in_doubt') or k.outcome = 'vendor_fault') as int) as outcome_failed, min(k.reserved_at) as created_at, max(coalesce(k.ended_at, k.reserved_at)) as updated_at
  from app.calls k join app.orgs o on o.id = k.org_id join app.leads l on l.org_id = k.org_id and l.id = k.lead_id
 group by 1, 2, 3, 4;
comment on view territory.voice_metrics_daily is 'Calls by day and customer. Latency and recognition are measured by the live agent, which is not here yet: null.';

create view territory.call_campaigns with (security_invoker = true) as
select org_id, id, contractor_id, playbook, name, status, goal, filters, created_by, created_at, updated_at from app.call_campaigns;
comment on view territory.call_campaigns is 'Calls that belong together.';

create view territory.scheduled_sms with (security_invoker = true) as
select m.org_id, m.id, l.property_id, m.lead_id, p.value as to_number, m.body_sealed as body, m.send_at, m.status, m.reason, m.created_by, m.created_at, m.closed_at
  from app.scheduled_sms m join app.leads l on l.org_id = m.org_id and l.id = m.lead_id join app.contact_points p on p.org_id = m.org_id and p.id = m.contact_point_id;
comment on view territory.scheduled_sms is 'Texts for later; number and body are sealed.';

create view territory.follow_up_tasks with (security_invoker = true) as
select t.org_id, t.id, l.property_id, t.lead_id, t.subject as title, t.body_sealed as notes, t.state as status, t.due_at, t.assignee, t.created_by, t.created_at, t.closed_at as completed_at
  from app.tasks t join app.leads l on l.org_id = t.org_id and l.id = t.lead_id where t.channel = 'follow_up';
comment on view territory.follow_up_tasks is 'What somebody is to do about a lead; the notes are sealed.';

create view territory.audit_logs with (security_invoker = true) as
select org_id, id, actor as user_id, action, object_type as entity, object_id as entity_id, details, at as created_at from app.audit_logs;
comment on view territory.audit_logs is 'Who did or saw what.';

-- name: customer_exists
-- Among those whom the asker sees.
select exists (select 1 from app.brokers where id = cast(:broker_id as uuid));

-- name: begin_voice_configurations
insert into app.voice_configurations (org_id, broker_id) values (cast(:org_id as int), cast(:broker_id as uuid)) on conflict do nothing;

-- name: begin_ai_configurations
insert into app.ai_configurations (org_id, broker_id) values (cast(:org_id as int), cast(:broker_id as uuid)) on conflict do nothing;

-- name: change_voice_configurations
-- What the changes do not name stays as it is.
update app.voice_configurations c set updated_at = app.now(), (
         default_voice_id, tts_vendor, voice_style, speaking_rate, pitch_adjustment, asr_vendor, asr_language, enable_punctuation, confidence_threshold,
         llm_vendor, llm_model, system_prompt_template, max_tokens, temperature, max_call_duration_minutes, enable_barge_in, silence_timeout_seconds,
         require_consent, enable_recording, dnc_compliance, jurisdiction) = (select
         n.default_voice_id, n.tts_vendor, n.voice_style, n.speaking_rate, n.pitch_adjustment, n.asr_vendor, n.asr_language, n.enable_punctuation,
         n.confidence_threshold, n.llm_vendor, n.llm_model, n.system_prompt_template, n.max_tokens, n.temperature, n.max_call_duration_minutes,
         n.enable_barge_in, n.silence_timeout_seconds, n.require_consent, n.enable_recording, n.dnc_compliance, n.jurisdiction
    from jsonb_populate_record(c, cast(:changes as jsonb)) n)
 where org_id = cast(:org_id as int) and broker_id = cast(:broker_id as uuid);

-- name: change_ai_configurations
-- What the changes do not name stays as it is.
update app.ai_configurations c set updated_at = app.now(), (
         voice_enabled, voice_id, voice_tone, voice_speed, max_call_duration, max_objections, email_tone, email_length, email_personalization, sms_tone,
         sms_emoji_enabled, company_voice_description, key_differentiators, value_propositions, common_objections, voice_opening_prompt,
         voice_objection_prompts, voice_closing_prompt, email_generation_prompt, sms_generation_prompt, ai_creativity, ai_formality, urgency_level) = (select
         n.voice_enabled, n.voice_id, n.voice_tone, n.voice_speed, n.max_call_duration, n.max_objections, n.email_tone, n.email_length, n.email_personalization,
         n.sms_tone, n.sms_emoji_enabled, n.company_voice_description, n.key_differentiators, n.value_propositions, n.common_objections, n.voice_opening_prompt,
         n.voice_objection_prompts, n.voice_closing_prompt, n.email_generation_prompt, n.sms_generation_prompt, n.ai_creativity, n.ai_formality, n.urgency_level
    from jsonb_populate_record(c, cast(:changes as jsonb)) n)
 where org_id = cast(:org_id as int) and broker_id = cast(:broker_id as uuid);

-- name: voice_configurations
select broker_id as id, broker_id as user_id, c.* from app.voice_configurations c where broker_id = cast(:broker_id as uuid);

-- name: ai_configurations
select broker_id as id, broker_id as user_id, c.* from app.ai_configurations c where broker_id = cast(:broker_id as uuid);

-- name: contractor_exists
select exists (select 1 from app.contractors where id = cast(:id as int));

-- name: make_call_campaign
insert into app.call_campaigns (org_id, contractor_id, playbook, name, goal, filters, created_by)
values (cast(:org_id as int), cast(:contractor_id as int), :playbook, :name, :goal, cast(:filters as jsonb), :actor) returning id;

-- name: call_campaign
select status from app.call_campaigns where org_id = cast(:org_id as int) and id = cast(:id as bigint) for update;

-- name: move_call_campaign
update app.call_campaigns set status = :status, updated_at = app.now() where org_id = cast(:org_id as int) and id = cast(:id as bigint);

-- name: audit
insert into app.audit_logs (org_id, at, actor, action, object_type, object_id, details)
values (cast(:org_id as int), app.now(), :actor, :action, :kind, :object_id, cast(:details as jsonb));

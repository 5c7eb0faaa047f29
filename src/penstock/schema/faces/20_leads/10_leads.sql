-- A lead as one wide row, as people think of it, over the narrow tables.

create view api.contact_point_list with (security_invoker = true) as
select org_id, contact_id, kind,
       array_agg(jsonb_strip_nulls(jsonb_build_object(kind, value, 'source', source, 'score', score, 'verified', verified, 'type', line_type, 'status', status, 'added_at', added_at)) order by verified desc, score desc nulls last, id) as points,
       bool_or(verified) as any_verified,
       (array_agg(value order by verified desc, score desc nulls last, id))[1] as best
  from app.contact_points
 where not is_invalid
 group by org_id, contact_id, kind;
comment on view api.contact_point_list is 'Phones and emails of a contact as arrays of objects.';

create view api.leads with (security_invoker = true) as
select l.org_id, l.id, l.playbook, l.source, l.vendor_record_id, l.vendor_list_id,
       l.lead_status as status, l.campaign_status, l.sales_stage, l.priority, l.status_reason,
       c.first_name, c.last_name, p.owner_first_name, p.owner_last_name, p.owner_full_name, p.owner_company, c.age,
       p.mak, p.apn, p.addr_hash, p.address_line1, p.address_line2, p.city, p.state, p.postal_code,
       concat_ws(' ', p.address_line1, p.address_line2) as property_address, p.city as property_city, p.state as property_state, p.postal_code as property_zip,
       p.property_value, p.estimated_equity, p.estimated_equity as equity, p.owner_occupied,
       coalesce(ph.points, '{}') as phones, coalesce(em.points, '{}') as emails, ph.best as phone, em.best as email,
       coalesce(ph.any_verified, false) as phone_verified, coalesce(em.any_verified, false) as email_verified,
       l.quality_score, l.lead_score, l.assigned_broker_id, l.assigned_persona, l.added_to_campaign_at, l.current_sequence_step, l.last_reply_at,
       l.consent, l.consented_at, l.consent_method, l.vapi_call_id, l.call_attempt_count,
       o.public_url || '/l/' || l.id as microsite_url, l.first_seen_at, l.last_seen_at, l.updated_at
  from app.leads l
  join app.orgs o on o.id = l.org_id
  left join app.properties p on p.org_id = l.org_id and p.id = l.property_id
  left join app.contacts c on c.org_id = l.org_id and c.id = l.contact_id
  left join api.contact_point_list ph on ph.org_id = l.org_id and ph.contact_id = l.contact_id and ph.kind = 'phone'
  left join api.contact_point_list em on em.org_id = l.org_id and em.contact_id = l.contact_id and em.kind = 'email'
 where l.merged_into is null;
comment on view api.leads is 'A lead in one row: subject, owner, contact points, statuses. Contact values are sealed.';

create function api.change_lead() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  if tg_op = 'INSERT' then
    new.id := api.upsert_lead(p_source => coalesce(new.source, 'manual'), p_vendor_record_id => new.vendor_record_id, p_vendor_list_id => new.vendor_list_id,
      p_address_line1 => coalesce(new.address_line1, new.property_address), p_address_line2 => new.address_line2, p_city => coalesce(new.city, new.property_city), p_state => coalesce(new.state, new.property_state),
      p_postal_code => coalesce(new.postal_code, new.property_zip), p_apn => new.apn, p_owner_first_name => coalesce(new.owner_first_name, new.first_name), p_owner_last_name => coalesce(new.owner_last_name, new.last_name),
      p_owner_full_name => new.owner_full_name, p_owner_company => new.owner_company, p_property_value => new.property_value, p_estimated_equity => coalesce(new.estimated_equity, new.equity), p_age => new.age,
      p_mak => new.mak, p_owner_occupied => new.owner_occupied);
    if new.assigned_broker_id is not null then
      update app.leads set assigned_broker_id = new.assigned_broker_id where id = new.id;
    end if;
    return new;
  end if;
  if (new.consent, new.consented_at) is distinct from (old.consent, old.consented_at) then
    raise exception 'consent is written only by the consent page' using errcode = 'PS002';
  end if;
  update app.leads set lead_status = new.status, campaign_status = new.campaign_status, sales_stage = new.sales_stage, status_reason = new.status_reason, lead_score = new.lead_score,
         assigned_broker_id = new.assigned_broker_id, assigned_persona = new.assigned_persona, added_to_campaign_at = new.added_to_campaign_at, current_sequence_step = new.current_sequence_step,
         last_reply_at = new.last_reply_at, vapi_call_id = new.vapi_call_id, call_attempt_count = new.call_attempt_count, last_seen_at = new.last_seen_at
   where org_id = old.org_id and id = old.id;
  if (new.mak, new.apn, new.property_value, new.estimated_equity, new.owner_occupied) is distinct from (old.mak, old.apn, old.property_value, old.estimated_equity, old.owner_occupied) then
    update app.properties p set mak = new.mak, apn = new.apn, property_value = new.property_value, estimated_equity = new.estimated_equity, owner_occupied = new.owner_occupied
      from app.leads l where l.org_id = old.org_id and l.id = old.id and p.org_id = l.org_id and p.id = l.property_id;
    update app.leads set facts_changed_at = app.now() where org_id = old.org_id and id = old.id;
  end if;
  return new;
end $$;
create trigger trg_change_lead instead of insert or update on api.leads for each row execute function api.change_lead();

create view api.pipeline_dlq with (security_invoker = true) as
select id, stage as source, payload, error as reason, retry_after, created_at from app.dlq;
comment on view api.pipeline_dlq is 'The dead letter queue in its older shape.';

create view api.ingest_replay_guard with (security_invoker = true) as
select content_sha256, min(created_at) as received_at from app.uploads group by content_sha256;
comment on view api.ingest_replay_guard is 'Contents received before.';

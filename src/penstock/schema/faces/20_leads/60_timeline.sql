-- What happened to a lead and what was written about it: the diary and the notes in one list.
create view app.lead_timeline with (security_invoker = true) as
select e.org_id, 'e' || e.id as id, e.lead_id,
       case e.event_type when 'campaign_queued' then 'sequence_enrolled' when 'email_sent' then 'email_sent' when 'call_initiated' then 'call_made' when 'call_completed' then 'call_completed' when 'appointment_booked' then 'appointment_scheduled'
                         when 'stage_changed' then 'status_changed' when 'lead_routed' then 'status_changed' else e.event_type end as activity_type,
       replace(e.event_type, '_', ' ') as title, e.details ->> 'reason' as description, e.details as activity_metadata,
       e.event_type not in ('email_bounced', 'contact_denied', 'contact_point_failed', 'lead_unreachable', 'scan_failed') as success,
       case when e.event_type in ('email_bounced', 'contact_denied', 'contact_point_failed', 'lead_unreachable') then e.details ->> 'reason' end as error_message, e.at as created_at, e.details ->> 'by' as actor
  from app.pipeline_events e where e.lead_id is not null and e.event_type <> 'note_added'
union all
select n.org_id, 'n' || n.id, n.lead_id, 'note_added', 'note added', n.body_sealed, '{}'::jsonb, true, null, n.created_at, n.author
  from app.lead_notes n where n.deleted_at is null;
comment on view app.lead_timeline is 'The timeline of a lead: its diary and its notes (sealed), in the words that people read.';
grant select on app.lead_timeline to authenticated;

-- Campaigns, messages, bookings, hand-offs, signals, raw loads: the engine's own rows under their documented names.

create view marketing.campaign with (security_invoker = true) as
select id as campaign_id, name, created_at, updated_at from app.campaigns where org_id = (select app.current_org());
comment on view marketing.campaign is 'Campaigns. One written here takes the people of marketing.campaign_contact.';

create view marketing.campaign_contact with (security_invoker = true) as
select id as campaign_contact_id, campaign_id, contact_id, created_at from app.campaign_contacts where org_id = (select app.current_org());
comment on view marketing.campaign_contact is 'Who is meant by a campaign; adding somebody twice adds them once. The gate decides on every message.';

create view marketing.message_log with (security_invoker = true) as
select id as message_log_id, campaign_id, contact_id, direction, channel, subject, body_sealed as body, coalesce(sent_at, at) as sent_at from app.message_log where org_id = (select app.current_org());
comment on view marketing.message_log is 'Every message out and in. The text is sealed; a plain one written here is sealed by the next sweep.';
create function marketing.log_message() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  if new.direction not in ('outbound', 'inbound') or new.direction is null then
    raise exception 'direction is outbound or inbound, not %', new.direction using errcode = 'PS006', hint = 'outbound: we wrote; inbound: they did';
  end if;
  if new.channel not in ('email', 'linkedin', 'phone', 'sms', 'other') or new.channel is null then
    raise exception 'there is no channel %', coalesce(new.channel, 'without a name') using errcode = 'PS006', hint = 'email, linkedin, phone, sms or other';
  end if;
  if new.contact_id is not null and not exists (select 1 from app.contacts c where c.org_id = app.current_org() and c.id = new.contact_id) then
    raise exception 'there is no contact %', new.contact_id using errcode = 'PS006', hint = 'insert into people.contact first, or leave contact_id out';
  end if;
  if new.campaign_id is not null and not exists (select 1 from app.campaigns k where k.org_id = app.current_org() and k.id = new.campaign_id) then
    raise exception 'there is no campaign %', new.campaign_id using errcode = 'PS006', hint = 'insert into marketing.campaign first, or leave campaign_id out';
  end if;
  new.message_log_id := coalesce(new.message_log_id, nextval('marketing.message_log_message_log_id_seq'));
  new.sent_at := coalesce(new.sent_at, app.now());
  insert into app.message_log (org_id, id, at, lead_id, contact_id, campaign_id, direction, channel, state, subject, body_sealed, sent_at)
  select app.current_org(), new.message_log_id, new.sent_at,
         (select l.id from app.leads l where l.org_id = app.current_org() and l.contact_id = new.contact_id and l.merged_into is null order by l.added_to_campaign_at desc nulls last, l.first_seen_at desc, l.id limit 1),
         new.contact_id, new.campaign_id, new.direction, new.channel, case new.direction when 'inbound' then 'received' else 'sent' end, new.subject, new.body, new.sent_at;
  return new;
end $$;
create trigger trg_log_message instead of insert on marketing.message_log for each row execute function marketing.log_message();

create view marketing.booking_event with (security_invoker = true) as
select number as booking_event_id, contact_id, company_id, starts_at as event_time, source, created_at from app.appointments where org_id = (select app.current_org());
alter view marketing.booking_event alter column source set default 'manual';
comment on view marketing.booking_event is 'Appointments, from the calendar or typed by hand.';

create view marketing.ac_handoff with (security_invoker = true) as
select id as handoff_id, company_id, contact_id, notes, created_at from app.handoffs where org_id = (select app.current_org());
comment on view marketing.ac_handoff is 'Leads handed to an account coordinator. The notes are sealed; a plain text written here is sealed by the next sweep.';

create view bit.signal with (security_invoker = true) as
select id as signal_id, company_id, reason, payload, created_at, processed_at from app.signals where org_id = (select app.current_org());
comment on view bit.signal is 'Signals of intent; processed_at is set by what acts on them.';

create view intake.raw_loads with (security_invoker = true) as
select id as raw_load_id, source, payload, status, reason as error, company_id, contact_id, created_at, promoted_at from app.raw_loads where org_id = (select app.current_org());
comment on view intake.raw_loads is 'Rows on their way to company.company and people.contact. A row written here is promoted by the engine.';

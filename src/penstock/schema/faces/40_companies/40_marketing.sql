-- Campaigns, messages, bookings, hand-offs, signals, raw loads: the engine's own rows under their documented names.

create view marketing.campaign with (security_invoker = true) as
select id as campaign_id, name, created_at, updated_at from app.campaigns where org_id = (select app.current_org());
comment on view marketing.campaign is 'Campaigns. One written here takes the people of marketing.campaign_contact.';

create function marketing.delete_campaign() returns trigger language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org();
begin
  if exists (select 1 from app.enrollments e where e.org_id = org and e.campaign_id = old.campaign_id) or exists (select 1 from app.tasks t where t.org_id = org and t.campaign_id = old.campaign_id) then
    raise exception 'a campaign that somebody was enrolled in is not deleted' using errcode = 'PS009', hint = format('penstock campaign pause %s', old.campaign_id);
  end if;
  delete from app.campaigns k where k.org_id = org and k.id = old.campaign_id;
  return old;
end $$;
create trigger trg_delete_campaign instead of delete on marketing.campaign for each row execute function marketing.delete_campaign();

create view marketing.campaign_contact with (security_invoker = true) as
select id as campaign_contact_id, campaign_id, contact_id, created_at from app.campaign_contacts where org_id = (select app.current_org()) and removed_at is null;
comment on view marketing.campaign_contact is 'Who is meant by a campaign; adding somebody twice adds them once. The gate decides on every message. Deleting somebody ends their sequence in it.';
create function marketing.take_out_of_campaign() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
  update app.campaign_contacts k set removed_at = app.now() where k.org_id = app.current_org() and k.id = old.campaign_contact_id and k.removed_at is null;
  return case when found then old end;
end $$;
create trigger trg_take_out_of_campaign instead of delete on marketing.campaign_contact for each row execute function marketing.take_out_of_campaign();

create view marketing.message_log with (security_invoker = true) as
select id as message_log_id, campaign_id, contact_id, direction, channel, subject, body_sealed as body, coalesce(sent_at, at) as sent_at from app.message_log where org_id = (select app.current_org());
comment on view marketing.message_log is 'Every message out and in. The text is sealed; a plain one written here is sealed by the next sweep. An answer logged here is heard like one that arrived, what we wrote counts for the caps.';
create function marketing.log_message() returns trigger language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org(); done_at timestamptz; lead uuid; reached record;
begin
  if tg_op = 'INSERT' then
    if new.direction not in ('outbound', 'inbound') or new.direction is null then
      raise exception 'direction is outbound or inbound, not %', new.direction using errcode = 'PS006', hint = 'outbound: we wrote; inbound: they did';
    end if;
    if new.channel not in ('email', 'linkedin', 'phone', 'sms', 'other') or new.channel is null then
      raise exception 'there is no channel %', coalesce(new.channel, 'without a name') using errcode = 'PS006', hint = 'email, linkedin, phone, sms or other';
    end if;
    if new.contact_id is not null and not exists (select 1 from app.contacts c where c.org_id = org and c.id = new.contact_id) then
      raise exception 'there is no contact %', new.contact_id using errcode = 'PS006', hint = 'insert into people.contact first, or leave contact_id out';
    end if;
  end if;
  if tg_op <> 'DELETE' and new.campaign_id is not null and not exists (select 1 from app.campaigns k where k.org_id = org and k.id = new.campaign_id) then
    raise exception 'there is no campaign %', new.campaign_id using errcode = 'PS006', hint = 'insert into marketing.campaign first, or leave campaign_id out';
  end if;
  if tg_op = 'INSERT' then
    new.message_log_id := coalesce(new.message_log_id, nextval('marketing.message_log_message_log_id_seq'));
    new.sent_at := coalesce(new.sent_at, app.now());
    done_at := least(new.sent_at, app.now());   -- nothing was done in the future
    select l.id into lead from app.leads l where l.org_id = org and l.contact_id = new.contact_id and l.merged_into is null
     order by l.added_to_campaign_at desc nulls last, l.first_seen_at desc, l.id limit 1;
    insert into app.message_log (org_id, id, at, lead_id, contact_id, campaign_id, direction, channel, state, subject, body_sealed, sent_at)
    values (org, new.message_log_id, new.sent_at, lead, new.contact_id, new.campaign_id, new.direction, new.channel, case new.direction when 'inbound' then 'received' else 'sent' end, new.subject, new.body, new.sent_at);
    if new.direction = 'outbound' and new.contact_id is not null then   -- one of no known kind counts like a call
      select p.id, p.value into reached from app.contact_points p
       where p.org_id = org and p.contact_id = new.contact_id and not p.is_invalid and app.is_sealed(p.value)
         and (case new.channel when 'email' then p.is_primary when 'phone' then p.kind = 'phone' when 'sms' then p.kind = 'phone' end) order by p.verified desc, p.score desc nulls last, p.id limit 1;
      insert into app.contact_attempts (org_id, contact_id, lead_id, contact_point_id, value, channel, state, reserved_at, ended_at, reference)
      values (org, new.contact_id, lead, reached.id, reached.value, case new.channel when 'phone' then 'voice_live' else new.channel end, 'done', done_at, done_at, 'message_log:' || new.message_log_id);
    end if;
    return new;
  end if;
  if tg_op = 'UPDATE' then
    if (new.message_log_id, new.contact_id, new.direction, new.channel, new.sent_at) is distinct from (old.message_log_id, old.contact_id, old.direction, old.channel, old.sent_at) then
      raise exception 'a message keeps its person, direction, channel and time' using errcode = 'PS006', hint = 'delete it and insert it again: what is written down is acted on';
    end if;
    update app.message_log m set campaign_id = new.campaign_id, subject = new.subject, body_sealed = new.body, intent = case when new.body is not distinct from old.body then m.intent end   -- other words are read anew
     where m.org_id = org and m.at = old.sent_at and m.id = old.message_log_id and m.attempt_id is null and m.message_id is null;
  else
    delete from app.message_log m where m.org_id = org and m.at = old.sent_at and m.id = old.message_log_id and m.attempt_id is null and m.message_id is null;
  end if;
  if not found then   -- the engine's rows are not by hand, and theirs alone may have left later than they were written
    raise exception 'what the engine sent and received stays as it was' using errcode = 'PS009', hint = 'only a message that was logged by hand is changed or deleted; insert another one beside this';
  end if;
  if tg_op = 'DELETE' then
    update app.contact_attempts a set state = 'failed' where a.org_id = org and a.channel = case old.channel when 'phone' then 'voice_live' else old.channel end and a.reference = 'message_log:' || old.message_log_id;
    return old;
  end if;
  return new;
end $$;
create trigger trg_log_message instead of insert or update or delete on marketing.message_log for each row execute function marketing.log_message();

create view marketing.booking_event with (security_invoker = true) as
select number as booking_event_id, contact_id, company_id, starts_at as event_time, source, created_at from app.appointments
 where org_id = (select app.current_org()) and (status <> 'cancelled' or uid not like 'manual:%');
alter view marketing.booking_event alter column source set default 'manual';
comment on view marketing.booking_event is 'Appointments, from the calendar or typed by hand. One typed by hand is moved and deleted here (that cancels it), one of the calendar in the calendar.';
create function marketing.change_booking() returns trigger language plpgsql set search_path = pg_catalog as $$
declare org int := app.current_org(); a app.appointments;
begin
  if tg_op <> 'DELETE' and new.event_time is null then
    raise exception 'a booking needs an event_time' using errcode = 'PS006', hint = 'say when the meeting is';
  end if;
  if tg_op = 'INSERT' then
    if coalesce(new.contact_id, new.company_id) is null then
      raise exception 'a booking is with somebody' using errcode = 'PS006', hint = 'name a contact_id, a company_id or both';
    end if;
    perform from app.contacts c where c.org_id = org and c.id = new.contact_id for no key update;   -- who writes the same now waits here
    perform from app.companies c where new.contact_id is null and c.org_id = org and c.id = new.company_id for no key update;
    select b.* into a from app.appointments b
     where b.org_id = org and b.starts_at = new.event_time and b.status in ('accepted', 'pending') and (b.contact_id = new.contact_id or (new.contact_id is null and b.company_id = new.company_id))
     order by b.number limit 1;
    if a.id is null then
      insert into app.appointments (org_id, number, contact_id, company_id, starts_at, source, created_at)
      values (org, coalesce(new.booking_event_id, nextval('marketing.booking_event_booking_event_id_seq')), new.contact_id, new.company_id, new.event_time, coalesce(new.source, 'manual'), coalesce(new.created_at, app.now()))
      returning * into a;
    end if;
    new.booking_event_id := a.number; new.contact_id := a.contact_id; new.company_id := a.company_id; new.source := a.source; new.created_at := a.created_at;
    return new;
  end if;
  select b.* into a from app.appointments b where b.org_id = org and b.number = old.booking_event_id for update;   -- whoever acts on it is waited for
  if tg_op = 'UPDATE' then
    if (new.booking_event_id, new.contact_id, new.company_id) is distinct from (old.booking_event_id, old.contact_id, old.company_id) then
      raise exception 'a booking keeps its number, contact_id and company_id' using errcode = 'PS006', hint = 'delete it, which cancels it, and insert the right one';
    end if;
    if a.uid not like 'manual:%' and new.event_time <> a.starts_at then
      raise exception 'an appointment of the calendar is moved in the calendar' using errcode = 'PS006', hint = 'move it there: the calendar tells, and everybody is told';
    end if;
    update app.appointments b
       set starts_at = new.event_time, ends_at = new.event_time + (b.ends_at - b.starts_at), source = new.source, created_at = new.created_at,
           changed_at = case when new.event_time <> b.starts_at then app.now() else b.changed_at end, acted_on_at = case when new.event_time = b.starts_at then b.acted_on_at end   -- the stage acts on the move
     where b.org_id = org and b.id = a.id;
    return new;
  end if;
  if a.uid not like 'manual:%' then
    raise exception 'an appointment of the calendar is not deleted' using errcode = 'PS009', hint = 'cancel it in the calendar: the calendar tells, and the fee is credited';
  end if;
  if a.acted_on_at is null and not exists (select 1 from app.handoffs h where h.org_id = org and h.cause = 'appointment:' || a.id) then
    delete from app.appointments b where b.org_id = org and b.id = a.id;
    delete from app.dlq d where d.org_id = org and d.stage = 'booking' and d.item = 'appointment:' || a.id;
  else
    update app.appointments b set status = 'cancelled', changed_at = app.now(), acted_on_at = null where b.org_id = org and b.id = a.id;
  end if;
  return old;
end $$;
create trigger trg_change_booking instead of insert or update or delete on marketing.booking_event for each row execute function marketing.change_booking();

create view marketing.ac_handoff with (security_invoker = true) as
select id as handoff_id, company_id, contact_id, notes, created_at from app.handoffs where org_id = (select app.current_org());
comment on view marketing.ac_handoff is 'Leads handed to an account coordinator. The notes are sealed; a plain text written here is sealed by the next sweep.';

create view bit.signal with (security_invoker = true) as
select id as signal_id, company_id, reason, payload, created_at, processed_at from app.signals where org_id = (select app.current_org());
comment on view bit.signal is 'Signals of intent; processed_at is set by what acts on them.';

create view intake.raw_loads with (security_invoker = true) as
select id as raw_load_id, source, payload, status, reason as error, company_id, contact_id, created_at, promoted_at from app.raw_loads where org_id = (select app.current_org());
comment on view intake.raw_loads is 'Rows on their way to company.company and people.contact. A row written here is promoted by the engine.';

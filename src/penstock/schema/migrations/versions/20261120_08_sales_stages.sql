-- A sale goes from stage to stage as sales go: an offer is made to whom is interested, and won is what was met, offered to or applied for.
delete from app.status_transitions where machine = 'sales_stage';
insert into app.status_transitions
select 'sales_stage', f, t from (values
  ('new', '{contacted,replied,interested,appointment_scheduled,lost}'),
  ('contacted', '{replied,interested,appointment_scheduled,lost}'),
  ('replied', '{interested,appointment_scheduled,lost}'),
  ('interested', '{appointment_scheduled,quoted,application_submitted,lost}'),
  ('appointment_scheduled', '{interested,quoted,application_submitted,won,lost}'),     -- back: the appointment was cancelled
  ('quoted', '{interested,appointment_scheduled,application_submitted,won,lost}'),     -- back: the offer was withdrawn, or is talked over
  ('application_submitted', '{quoted,won,lost}'),                                      -- back: the application was withdrawn
  ('lost', '{contacted,interested,appointment_scheduled}')) v(f, ts), unnest(ts::text[]) t;

create or replace function app.refuse_transition(machine text, was text, becomes text) returns void
language plpgsql stable set search_path = app, pg_catalog as $$
declare allowed text;
begin
  if was is distinct from becomes and not exists (
    select 1 from app.status_transitions t where t.machine = refuse_transition.machine and t.from_status = was and t.to_status = becomes) then
    select string_agg(t.to_status, ', ' order by t.to_status) into allowed from app.status_transitions t where t.machine = refuse_transition.machine and t.from_status = was;
    raise exception '% may not go from % to %', machine, was, becomes using errcode = 'PS001', hint = coalesce('from ' || was || ': ' || allowed, was || ' is final');
  end if;
end $$;

create or replace function app.guard_lead_change() returns trigger language plpgsql set search_path = app, pg_catalog as $$
begin
  perform app.refuse_transition('lead_status', old.lead_status::text, new.lead_status::text);
  perform app.refuse_transition('campaign_status', old.campaign_status::text, new.campaign_status::text);
  perform app.refuse_transition('sales_stage', old.sales_stage::text, new.sales_stage::text);
  -- What the engine does it tells in the diary; people who write SQL say it here.
  if old.sales_stage = 'lost' and new.sales_stage <> 'lost' and current_user = 'authenticated'
     and (coalesce(btrim(new.status_reason), '') = '' or new.status_reason is not distinct from old.status_reason) then
    raise exception 'a lost sale is taken up again with a reason' using errcode = 'PS008', hint = 'say why in status_reason';
  end if;
  new.updated_at := app.now();
  return new;
end $$;
